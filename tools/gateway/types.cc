#include "tools/gateway/types.h"

#include <errno.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>
#include <string.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "tools/gateway/json_shape.h"

namespace once::gateway {

namespace pb = google::protobuf;

namespace {

constexpr char kUrlPrefix[] = "type.googleapis.com";
constexpr size_t kMostDescriptorBytes = size_t{64} << 20;
// Of protobuf's complaints, which quote what was sent.
constexpr size_t kMostWords = 512;

std::string UrlOf(std::string_view type) { return absl::StrCat(kUrlPrefix, "/", ToAbsl(type)); }

std::string Words(const pb::util::Status& status) {
  const auto message = status.message();
  return Printable(std::string_view(message.data(), message.size()), kMostWords);
}

void AddNames(const std::string& prefix, const pb::DescriptorProto& message, std::vector<std::string>* names) {
  if (message.options().map_entry()) return;
  const std::string name = absl::StrCat(prefix, message.name());
  names->push_back(name);
  for (const pb::DescriptorProto& nested : message.nested_type()) AddNames(name + ".", nested, names);
}

// Says what does not fit together, instead of writing it to the standard error.
class Complaints final : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    if (first.empty()) first = absl::StrCat(file, ": ", element, ": ", message);
  }
  std::string first;
};

}  // namespace

Types::Types()
    : linked_(*pb::DescriptorPool::generated_pool()),
      all_(&given_, &linked_),
      pool_(&all_),
      factory_(&pool_),
      resolver_(pb::util::NewTypeResolverForDescriptorPool(kUrlPrefix, &pool_)) {}

absl::StatusOr<std::unique_ptr<Types>> Types::Load(const std::string& path) {
  if (path.empty()) return FromBytes("");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (file) bytes << file.rdbuf();
  if (!file || bytes.str().size() > kMostDescriptorBytes) {
    return absl::FailedPreconditionError(absl::StrCat("descriptor_set ", Printable(path, 256), ": ",
                                                      file ? "it is too large" : strerror(errno),
                                                      "; name a file that protoc --descriptor_set_out has written"));
  }
  auto types = FromBytes(bytes.str());
  if (types.ok()) return types;
  return absl::FailedPreconditionError(
      absl::StrCat("descriptor_set ", Printable(path, 256), ": ", std::string(types.status().message())));
}

absl::StatusOr<std::unique_ptr<Types>> Types::FromBytes(std::string_view descriptor_set) {
  pb::FileDescriptorSet set;
  if (!set.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()))) {
    return absl::FailedPreconditionError("it is no FileDescriptorSet; write it by protoc --descriptor_set_out");
  }
  std::unique_ptr<Types> types(new Types());
  for (const pb::FileDescriptorProto& file : set.file()) {
    if (!types->given_.Add(file)) {
      return absl::FailedPreconditionError(absl::StrCat("it has ", Printable(file.name(), 256), " twice"));
    }
    const std::string prefix = file.package().empty() ? "" : file.package() + ".";
    for (const pb::DescriptorProto& message : file.message_type()) AddNames(prefix, message, &types->names_);
  }
  // All of it now, so that what does not fit is a mistake of the start and not of a request.
  Complaints complaints;
  pb::DescriptorPool probe(&types->all_, &complaints);
  for (const pb::FileDescriptorProto& file : set.file()) {
    if (probe.FindFileByName(file.name()) != nullptr) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("it does not fit together: ", Printable(complaints.first, kMostWords),
                     "; write it with protoc --include_imports"));
  }
  std::sort(types->names_.begin(), types->names_.end());
  return types;
}

const pb::Descriptor* Types::Find(std::string_view type) const {
  return pool_.FindMessageTypeByName(std::string(type));
}

bool Types::Knows(std::string_view type) const { return Find(type) != nullptr; }

absl::Status Types::CheckBytes(const pb::Descriptor* type, std::string_view bytes) const {
  const std::unique_ptr<pb::Message> message(factory_.GetPrototype(type)->New());
  if (!message->ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(absl::StrCat(bytes.size(), " bytes are no ", type->full_name()));
  }
  if (message->IsInitialized()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("required fields are missing: ", Printable(message->InitializationErrorString(), kMostWords)));
}

absl::StatusOr<std::string> Types::Encode(std::string_view type, const Json& json) const {
  const pb::Descriptor* const descriptor = Find(type);
  if (descriptor == nullptr) {
    const std::string near = ClosestMatch(type, names_);
    return absl::NotFoundError(absl::StrCat("there is no type ", Printable(type, 256),
                                            near.empty() ? "; give it by --descriptor_set" : "; is it " + near + "?"));
  }
  if (absl::Status shape = CheckShape(*descriptor, json); !shape.ok()) return shape;
  std::string bytes;
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const pb::util::Status status =
      pb::util::JsonToBinaryString(resolver_.get(), UrlOf(type), json.dump(), &bytes, options);
  if (!status.ok()) return absl::InvalidArgumentError(Words(status));
  if (absl::Status checked = CheckBytes(descriptor, bytes); !checked.ok()) {
    return absl::InvalidArgumentError(std::string(checked.message()));
  }
  return bytes;
}

absl::StatusOr<std::string> Types::Decode(std::string_view type, std::string_view bytes) const {
  const pb::Descriptor* const descriptor = Find(type);
  if (descriptor == nullptr) return absl::NotFoundError(absl::StrCat("there is no type ", Printable(type, 256)));
  // First, since what makes JSON of them reads over what is none.
  if (absl::Status checked = CheckBytes(descriptor, bytes); absl::IsDataLoss(checked)) return checked;
  std::string json;
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  const pb::util::Status status =
      pb::util::BinaryToJsonString(resolver_.get(), UrlOf(type), std::string(bytes), &json, options);
  if (!status.ok()) return absl::DataLossError(Words(status));
  return json;
}

}  // namespace once::gateway
