// The protobuf types that events may have, and their JSON.
#ifndef ONCE_TOOLS_GATEWAY_TYPES_H_
#define ONCE_TOOLS_GATEWAY_TYPES_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/type_resolver.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/gateway/json.h"

namespace once::gateway {

// Thread-safe. Those of a descriptor set, as `protoc --include_imports --descriptor_set_out=FILE` writes it; types of
// files that it lacks, such as google.protobuf.Timestamp's, are those that are linked.
class Types {
 public:
  // `path` empty: linked types only. FailedPrecondition if the file cannot be read, is none, or does not fit together.
  static absl::StatusOr<std::unique_ptr<Types>> Load(const std::string& path);
  static absl::StatusOr<std::unique_ptr<Types>> FromBytes(std::string_view descriptor_set);

  // JSON to the wire format. NotFound, with the nearest name, if there is no such type; InvalidArgument, with the
  // field's path, for a field that the type lacks, a value of another type and a required field that is missing.
  absl::StatusOr<std::string> Encode(std::string_view type, const Json& json) const;
  // And back. DataLoss if the bytes are none of that type.
  absl::StatusOr<std::string> Decode(std::string_view type, std::string_view bytes) const;

  bool Knows(std::string_view type) const;
  // Full names of the descriptor set's messages, sorted.
  const std::vector<std::string>& names() const { return names_; }

 private:
  Types();
  const google::protobuf::Descriptor* Find(std::string_view type) const;
  // DataLoss if the bytes are no message of that type; InvalidArgument if a required field is missing.
  absl::Status CheckBytes(const google::protobuf::Descriptor* type, std::string_view bytes) const;

  google::protobuf::SimpleDescriptorDatabase given_;
  google::protobuf::DescriptorPoolDatabase linked_;
  google::protobuf::MergedDescriptorDatabase all_;
  google::protobuf::DescriptorPool pool_;
  mutable google::protobuf::DynamicMessageFactory factory_;
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
  std::vector<std::string> names_;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_TYPES_H_
