// The untyped half of RegistryJson.
#ifndef ONCE_PROCESSOR_SCHEMA_JSON_FRAMING_H_
#define ONCE_PROCESSOR_SCHEMA_JSON_FRAMING_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "processor/schema/schema_registry.h"
#include "processor/schema/schema_writer.h"

namespace once::internal {

// By protobuf's rules of JSON, on one line.
absl::StatusOr<std::string> MessageToWireJson(const google::protobuf::Message& message, bool proto_names);
// DataLoss for text that is none of this message; unknown fields are passed over.
absl::Status WireJsonToMessage(std::string_view json, google::protobuf::Message* message);

// A JSON Schema (drafts 4 to 7), ready for use. Immutable, and so thread-safe.
class JsonValidator {
 public:
  // FailedPrecondition for what is no schema, or refers to what is not there. Nothing is fetched: references are by the
  // names that the registry has them under.
  static absl::StatusOr<std::unique_ptr<const JsonValidator>> Make(const ResolvedSchema& schema);
  ~JsonValidator();

  // InvalidArgument, with places and reasons, for JSON that the schema does not allow; DataLoss for what is no JSON, or
  // has more than 100 brackets within each other.
  absl::Status Check(std::string_view json) const;

 private:
  struct Compiled;
  JsonValidator();
  std::unique_ptr<Compiled> compiled_;
};

// Takes frames off values. One worker's.
class JsonReader {
 public:
  JsonReader(std::shared_ptr<SchemaCache> cache, bool validates);
  ~JsonReader();

  // The text behind the frame. Errors as of ProtobufReader and JsonValidator.
  absl::StatusOr<std::string_view> Unframe(std::string_view bytes);

 private:
  struct Known;
  absl::StatusOr<const JsonValidator*> ValidatorOf(int32_t schema_id);

  const std::shared_ptr<SchemaCache> cache_;
  const bool validates_;
  const std::unique_ptr<Known> known_;
};

// A sink's: made of the schema that it writes by when it is first needed. Thread-safe.
class SharedJsonValidator {
 public:
  SharedJsonValidator();
  ~SharedJsonValidator();
  absl::Status Check(const ResolvedSchema& schema, std::string_view json) const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// For SchemaWriter. An empty `own_schema`: the program has none of its own.
ProgramSchema JsonProgram(const std::string& own_schema);
// The same of another type whose schemas are JSON.
ProgramSchema TextProgram(SchemaType type, const std::string& own_schema);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_JSON_FRAMING_H_
