// The untyped half of RegistryAvro: Avro's binary form to and from protobuf messages, field by field of one name.
#ifndef ONCE_PROCESSOR_SCHEMA_AVRO_FRAMING_H_
#define ONCE_PROCESSOR_SCHEMA_AVRO_FRAMING_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "processor/base/arena.h"
#include "processor/schema/schema_registry.h"
#include "processor/schema/schema_writer.h"

namespace once::internal {

// A schema of Avro that is a record. Immutable; thread-safe.
class AvroSchema {
 public:
  // FailedPrecondition for what is no such schema, or is not supported: references, types that hold themselves, arrays
  // of what takes no bytes.
  static absl::StatusOr<std::unique_ptr<const AvroSchema>> Make(const ResolvedSchema& schema);
  ~AvroSchema();

  // DataLoss for bytes that are no such record; InvalidArgument if a field of the message is of another kind. Fields
  // that the message does not have are passed over.
  absl::Status Decode(std::string_view bytes, google::protobuf::Message* message) const;
  // In the arena. FailedPrecondition if the schema has a field that the message has not, and that may not be null;
  // InvalidArgument if a value does not fit.
  absl::StatusOr<std::string_view> Encode(const google::protobuf::Message& message, std::string_view prefix,
                                          Arena* arena) const;

 private:
  struct Parsed;
  AvroSchema();
  const std::unique_ptr<Parsed> parsed_;
};

// Takes frames off values, and reads what is behind. One worker's.
class AvroReader {
 public:
  explicit AvroReader(std::shared_ptr<SchemaCache> cache);
  ~AvroReader();
  absl::Status Decode(std::string_view bytes, google::protobuf::Message* message);

 private:
  struct Known;
  absl::StatusOr<const AvroSchema*> SchemaOf(int32_t schema_id);
  const std::shared_ptr<SchemaCache> cache_;
  const std::unique_ptr<Known> known_;
};

// A sink's, made of the schema that it writes by when it is first needed. Thread-safe.
class SharedAvroSchema {
 public:
  SharedAvroSchema();
  ~SharedAvroSchema();
  absl::StatusOr<const AvroSchema*> Get(const ResolvedSchema& schema) const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// For SchemaWriter; `prototype` lives for ever.
ProgramSchema AvroProgram(const std::string& own_schema, const google::protobuf::Message* prototype);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_AVRO_FRAMING_H_
