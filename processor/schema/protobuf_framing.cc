// The registry is needed to know which message a value is; what the fields are, the program knows by itself.
#include "processor/schema/protobuf_framing.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/schema/framing.h"
#include "processor/schema/proto_schema.h"

namespace once::internal {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

// More versions than these are met one after the other, not in turn.
constexpr size_t kMaxAccepted = 16;
constexpr size_t kMaxFiles = 1000;
constexpr size_t kMaxLines = 8;

// The file with its imports, each of which stands under its own name.
absl::StatusOr<Schema> OwnSchema(SchemaRegistry* registry, const FileDescriptor& file, bool registers) {
  std::vector<SchemaReference> references;
  for (const FileDescriptor* import : ImportsOf(file)) {
    absl::StatusOr<Schema> schema = OwnSchema(registry, *import, registers);
    if (!schema.ok()) return schema;
    const std::string& subject = import->name();
    if (registers) {
      const absl::StatusOr<int32_t> id = registry->Register(subject, *schema);
      if (!id.ok()) {
        return absl::Status(id.status().code(), absl::StrCat("the import \"", subject, "\": ", id.status().message()));
      }
    }
    const absl::StatusOr<SubjectVersion> found = registry->FindSchema(subject, *schema);
    if (!found.ok()) {
      return absl::Status(found.status().code(),
                          absl::StrCat("the import \"", subject, "\": ", found.status().message()));
    }
    references.push_back({.name = import->name(), .subject = subject, .version = found->version});
  }
  return SchemaOf(file, std::move(references));
}

}  // namespace

ProtobufReader::ProtobufReader(std::shared_ptr<SchemaCache> cache, std::vector<std::string> names)
    : cache_(std::move(cache)), names_(std::move(names)) {}

absl::StatusOr<std::string_view> ProtobufReader::Unframe(std::string_view bytes) {
  for (const std::string& prefix : accepted_) {
    if (bytes.starts_with(prefix)) return bytes.substr(prefix.size());
  }
  absl::StatusOr<Frame> frame = ReadFrame(bytes);
  if (!frame.ok()) return frame.status();
  const absl::StatusOr<std::vector<int>> indexes = ReadMessageIndexes(&frame->rest);
  if (!indexes.ok()) return indexes.status();
  const absl::StatusOr<const FileDescriptorProto*> file = FileOf(frame->schema_id);
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::string> name = NameAt(**file, *indexes);
  if (!name.ok()) return name.status();
  if (std::find(names_.begin(), names_.end(), *name) == names_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("the value is a ", *name, " (schema ", frame->schema_id, "), not a ",
                                                   absl::StrJoin(names_, " or ")));
  }
  if (accepted_.size() >= kMaxAccepted) accepted_.clear();
  accepted_.emplace_back(bytes.substr(0, bytes.size() - frame->rest.size()));
  return frame->rest;
}

absl::StatusOr<const FileDescriptorProto*> ProtobufReader::FileOf(int32_t schema_id) {
  const auto known = files_.find(schema_id);
  if (known != files_.end()) return known->second.get();
  const auto schema = cache_->FindById(schema_id);
  if (!schema.ok()) return schema.status();
  if ((*schema)->schema.type != SchemaType::kProtobuf) {
    return absl::InvalidArgumentError(absl::StrCat("schema ", schema_id, ", which the value names, is one of type ",
                                                   SchemaTypeName((*schema)->schema.type), ", not PROTOBUF"));
  }
  absl::StatusOr<FileDescriptorProto> file = ParseProto((*schema)->schema.text);
  if (!file.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("schema ", schema_id, ": ", file.status().message()));
  }
  if (files_.size() >= kMaxFiles) files_.clear();
  return files_.emplace(schema_id, std::make_unique<const FileDescriptorProto>(*std::move(file))).first->second.get();
}

ProgramSchema ProtobufProgram(const Descriptor* message) {
  ProgramSchema program;
  program.own = [message](SchemaRegistry* registry, bool registers) {
    return OwnSchema(registry, *message->file(), registers);
  };
  program.check = [message](SchemaRegistry*, const std::string&, const ResolvedSchema& latest) -> absl::Status {
    const absl::StatusOr<std::vector<std::string>> differences = WhatDiffers(*message, latest);
    if (!differences.ok()) return differences.status();
    if (differences->empty()) return absl::OkStatus();
    const size_t shown = std::min(differences->size(), kMaxLines);
    return absl::FailedPreconditionError(absl::StrCat(
        absl::StrJoin(differences->begin(), differences->begin() + static_cast<std::ptrdiff_t>(shown), "; "),
        shown < differences->size() ? absl::StrCat("; and ", differences->size() - shown, " more") : "",
        ". Register the program's schema first, or let the sink do it: SchemaUse::kRegister"));
  };
  program.after_frame = [message](const ResolvedSchema& schema) -> absl::StatusOr<std::string> {
    const absl::StatusOr<FileDescriptorProto> file = ParseProto(schema.schema.text);
    if (!file.ok()) return file.status();
    const std::vector<int> indexes = IndexesOf(*file, message->full_name());
    if (indexes.empty()) {
      return absl::FailedPreconditionError(absl::StrCat("the schema has no message ", message->full_name()));
    }
    std::string bytes;
    AppendMessageIndexes(indexes, &bytes);
    return bytes;
  };
  return program;
}

}  // namespace once::internal
