// avro-c understands the schema and writes by it; what could make a reader recurse or grow without end is refused with
// it.
#include "processor/schema/avro_framing.h"

#include <avro.h>

#include <atomic>
#include <cstring>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "processor/base/mutex.h"
#include "processor/schema/avro_message.h"
#include "processor/schema/framing.h"
#include "processor/schema/json_framing.h"
#include "processor/schema/registry_messages.h"

namespace once::internal {

namespace {

using google::protobuf::Message;

constexpr size_t kMaxKnown = 1000;

// Walks a schema. A value of a type that holds itself is as deep as whoever writes it likes, and what reads it
// recurses; an array of what takes no bytes is as long as they like.
class Walk {
 public:
  absl::Status Check(avro_schema_t schema) {
    bool takes_bytes = false;
    return Visit(schema, &takes_bytes);
  }

 private:
  absl::Status Visit(avro_schema_t schema, bool* takes_bytes) {
    *takes_bytes = true;
    if (is_avro_link(schema)) return Visit(avro_schema_link_target(schema), takes_bytes);
    if (is_avro_null(schema)) *takes_bytes = false;
    if (is_avro_fixed(schema)) *takes_bytes = avro_schema_fixed_size(schema) > 0;
    bool inner = false;
    if (is_avro_array(schema)) {
      const absl::Status visited = Visit(avro_schema_array_items(schema), &inner);
      if (visited.ok() && !inner)
        return absl::FailedPreconditionError("arrays of what takes no bytes are not supported");
      return visited;
    }
    if (is_avro_map(schema)) return Visit(avro_schema_map_values(schema), &inner);
    if (is_avro_union(schema)) {
      for (size_t i = 0; i < avro_schema_union_size(schema); ++i) {
        if (absl::Status v = Visit(avro_schema_union_branch(schema, static_cast<int>(i)), &inner); !v.ok()) return v;
      }
    }
    if (is_avro_record(schema)) return VisitRecord(schema, takes_bytes);
    return absl::OkStatus();
  }

  absl::Status VisitRecord(avro_schema_t schema, bool* takes_bytes) {
    *takes_bytes = false;
    if (!inside_.insert(schema).second) {
      return absl::FailedPreconditionError(
          absl::StrCat("types that hold themselves are not supported: ", avro_schema_name(schema)));
    }
    for (size_t i = 0; i < avro_schema_record_size(schema); ++i) {
      bool inner = false;
      const absl::Status v = Visit(avro_schema_record_field_get_by_index(schema, static_cast<int>(i)), &inner);
      if (!v.ok()) return v;
      *takes_bytes |= inner;
    }
    inside_.erase(schema);
    return absl::OkStatus();
  }

  std::set<avro_schema_t> inside_;
};

// A value of a class, for as long as this lives.
struct Value {
  explicit Value(avro_value_iface_t* iface) { made = avro_generic_value_new(iface, &value) == 0; }
  ~Value() {
    if (made) avro_value_decref(&value);
  }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  avro_value_t value;
  bool made = false;
};

}  // namespace

struct AvroSchema::Parsed {
  avro_schema_t schema = nullptr;
  avro_value_iface_t* iface = nullptr;
};

AvroSchema::AvroSchema() : parsed_(std::make_unique<Parsed>()) {}

AvroSchema::~AvroSchema() {
  if (parsed_->iface != nullptr) avro_value_iface_decref(parsed_->iface);
  if (parsed_->schema != nullptr) avro_schema_decref(parsed_->schema);
}

absl::StatusOr<std::unique_ptr<const AvroSchema>> AvroSchema::Make(const ResolvedSchema& schema) {
  if (schema.schema.type != SchemaType::kAvro) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schema is one of type ", SchemaTypeName(schema.schema.type), ", not AVRO"));
  }
  if (!schema.schema.references.empty()) {
    return absl::FailedPreconditionError("the schema has references, which are not supported of Avro: let it be whole");
  }
  const std::string& text = schema.schema.text;
  std::unique_ptr<AvroSchema> made(new AvroSchema());
  if (!IsShallowJson(text) || avro_schema_from_json_length(text.data(), text.size(), &made->parsed_->schema) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("the schema is none of Avro: ", avro_strerror()));
  }
  if (!is_avro_record(made->parsed_->schema)) return absl::FailedPreconditionError("the schema is no record");
  if (absl::Status checked = Walk().Check(made->parsed_->schema); !checked.ok()) return checked;
  made->parsed_->iface = avro_generic_class_from_schema(made->parsed_->schema);
  if (made->parsed_->iface == nullptr) return absl::FailedPreconditionError(avro_strerror());
  return made;
}

absl::Status AvroSchema::Decode(std::string_view bytes, Message* message) const {
  message->Clear();
  return AvroToMessage(parsed_->schema, bytes, message);
}

absl::StatusOr<std::string_view> AvroSchema::Encode(const Message& message, std::string_view prefix,
                                                    Arena* arena) const {
  Value value(parsed_->iface);
  if (!value.made) return absl::ResourceExhaustedError("there is no memory for the Avro value");
  if (absl::Status put = MessageToAvro(message, &value.value); !put.ok()) return put;
  size_t size = 0;
  if (avro_value_sizeof(&value.value, &size) != 0) return absl::InvalidArgumentError(avro_strerror());
  char* const bytes = arena->Allocate(prefix.size() + size);
  std::memcpy(bytes, prefix.data(), prefix.size());
  const avro_writer_t writer = avro_writer_memory(bytes + prefix.size(), static_cast<int64_t>(size));
  const int written = writer == nullptr ? -1 : avro_value_write(writer, &value.value);
  if (writer != nullptr) avro_writer_free(writer);
  if (written != 0) return absl::InvalidArgumentError(avro_strerror());
  return std::string_view(bytes, prefix.size() + size);
}

struct AvroReader::Known {
  absl::flat_hash_map<int32_t, std::unique_ptr<const AvroSchema>> schemas;
};

AvroReader::AvroReader(std::shared_ptr<SchemaCache> cache)
    : cache_(std::move(cache)), known_(std::make_unique<Known>()) {}
AvroReader::~AvroReader() = default;

absl::Status AvroReader::Decode(std::string_view bytes, Message* message) {
  const absl::StatusOr<Frame> frame = ReadFrame(bytes);
  if (!frame.ok()) return frame.status();
  const absl::StatusOr<const AvroSchema*> schema = SchemaOf(frame->schema_id);
  if (!schema.ok()) return schema.status();
  const absl::Status decoded = (*schema)->Decode(frame->rest, message);
  if (decoded.ok()) return decoded;
  return absl::Status(decoded.code(), absl::StrCat(decoded.message(), " (schema ", frame->schema_id, ")"));
}

absl::StatusOr<const AvroSchema*> AvroReader::SchemaOf(int32_t schema_id) {
  const auto known = known_->schemas.find(schema_id);
  if (known != known_->schemas.end()) return known->second.get();
  const auto found = cache_->FindById(schema_id);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::unique_ptr<const AvroSchema>> schema = AvroSchema::Make(**found);
  if (!schema.ok()) {
    return absl::Status(schema.status().code(), absl::StrCat("schema ", schema_id, ": ", schema.status().message()));
  }
  if (known_->schemas.size() >= kMaxKnown) known_->schemas.clear();
  return known_->schemas.emplace(schema_id, *std::move(schema)).first->second.get();
}

struct SharedAvroSchema::State {
  Mutex mutex;
  std::unique_ptr<const AvroSchema> owned ABSL_GUARDED_BY(mutex);
  std::atomic<const AvroSchema*> ready = nullptr;
};

SharedAvroSchema::SharedAvroSchema() : state_(std::make_unique<State>()) {}
SharedAvroSchema::~SharedAvroSchema() = default;

absl::StatusOr<const AvroSchema*> SharedAvroSchema::Get(const ResolvedSchema& schema) const {
  if (const AvroSchema* ready = state_->ready.load(std::memory_order_acquire); ready != nullptr) return ready;
  const MutexLock lock(&state_->mutex);
  if (state_->owned == nullptr) {
    absl::StatusOr<std::unique_ptr<const AvroSchema>> made = AvroSchema::Make(schema);
    if (!made.ok()) return made.status();
    state_->owned = *std::move(made);
  }
  state_->ready.store(state_->owned.get(), std::memory_order_release);
  return state_->owned.get();
}

ProgramSchema AvroProgram(const std::string& own_schema, const Message* prototype) {
  ProgramSchema program = TextProgram(SchemaType::kAvro, own_schema);
  program.after_frame = [prototype](const ResolvedSchema& schema) -> absl::StatusOr<std::string> {
    const absl::StatusOr<std::unique_ptr<const AvroSchema>> made = AvroSchema::Make(schema);
    if (!made.ok()) return made.status();
    // An empty message shows which fields the schema wants and the type lacks.
    Arena arena;
    const absl::StatusOr<std::string_view> encoded = (*made)->Encode(*prototype, "", &arena);
    if (absl::IsFailedPrecondition(encoded.status())) return encoded.status();
    return std::string();
  };
  return program;
}

}  // namespace once::internal
