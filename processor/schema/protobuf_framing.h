// The untyped half of RegistryProtobuf.
#ifndef ONCE_PROCESSOR_SCHEMA_PROTOBUF_FRAMING_H_
#define ONCE_PROCESSOR_SCHEMA_PROTOBUF_FRAMING_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "processor/schema/schema_registry.h"
#include "processor/schema/schema_writer.h"

namespace once::internal {

// Takes frames off values. One worker's: what it has seen it knows without a lock.
class ProtobufReader {
 public:
  // `names`: the messages that are taken, by their full names.
  ProtobufReader(std::shared_ptr<SchemaCache> cache, std::vector<std::string> names);

  // What stands behind the frame. DataLoss if there is none; InvalidArgument if the value is another message;
  // NotFound if the registry has no such schema; Unavailable while nobody knows.
  absl::StatusOr<std::string_view> Unframe(std::string_view bytes);

 private:
  absl::StatusOr<const google::protobuf::FileDescriptorProto*> FileOf(int32_t schema_id);

  const std::shared_ptr<SchemaCache> cache_;
  const std::vector<std::string> names_;
  // Frames that were right, each with the indexes behind it. There are as many as versions of the schema.
  std::vector<std::string> accepted_;
  absl::flat_hash_map<int32_t, std::unique_ptr<const google::protobuf::FileDescriptorProto>> files_;
};

// For SchemaWriter.
ProgramSchema ProtobufProgram(const google::protobuf::Descriptor* message);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_PROTOBUF_FRAMING_H_
