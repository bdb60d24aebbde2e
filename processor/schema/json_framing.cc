// valijson checks; JSON is read by nlohmann's parser, which throws nothing here.
#include "processor/schema/json_framing.h"

#include <atomic>
#include <nlohmann/json.hpp>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "processor/base/guarded.h"
#include "processor/base/mutex.h"
#include "processor/base/strings.h"
#include "processor/schema/framing.h"
#include "processor/schema/registry_messages.h"

namespace once::internal {

namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

constexpr size_t kMaxKnown = 1000;
constexpr int kMaxReasons = 3;

Json ParseJson(std::string_view text) {
  if (!IsShallowJson(text)) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

// What was not allowed: the places furthest in come first, and say the most.
std::string ReasonsOf(valijson::ValidationResults* results) {
  std::string text;
  valijson::ValidationResults::Error error;
  for (int i = 0; i < kMaxReasons && results->popError(error); ++i) {
    std::string place;
    for (const std::string& part : error.context) place += part;
    absl::StrAppend(&text, i == 0 ? "" : "; ", place, ": ", error.description);
  }
  return OneLine(CutUtf8(text, 1000));
}

}  // namespace

absl::StatusOr<std::string> MessageToWireJson(const google::protobuf::Message& message, bool proto_names) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = proto_names;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (status.ok()) return json;
  return absl::InvalidArgumentError(absl::StrCat("it has no JSON: ", std::string(status.message())));
}

absl::Status WireJsonToMessage(std::string_view json, google::protobuf::Message* message) {
  message->Clear();
  // The parser takes more than JSON is, and its recursion is its own.
  if (ParseJson(json).is_discarded()) return absl::DataLossError("the value is no JSON, or too deep");
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), message, options);
  if (status.ok()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the JSON is no ", message->GetDescriptor()->full_name(), ": ",
                                          OneLine(CutUtf8(std::string(status.message()), 500))));
}

struct JsonValidator::Compiled {
  valijson::Schema schema;
};

JsonValidator::JsonValidator() : compiled_(std::make_unique<Compiled>()) {}
JsonValidator::~JsonValidator() = default;

absl::StatusOr<std::unique_ptr<const JsonValidator>> JsonValidator::Make(const ResolvedSchema& schema) {
  if (schema.schema.type != SchemaType::kJson) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schema is one of type ", SchemaTypeName(schema.schema.type), ", not JSON"));
  }
  const Json text = ParseJson(schema.schema.text);
  if (text.is_discarded()) return absl::FailedPreconditionError("the schema is no JSON");
  std::unique_ptr<JsonValidator> validator(new JsonValidator());
  const auto fetch = [&schema](const std::string& name) -> const Json* {
    const auto found = schema.references.find(name);
    if (found == schema.references.end()) return nullptr;
    auto document = std::make_unique<Json>(ParseJson(found->second.text));
    return document->is_discarded() ? nullptr : document.release();
  };
  const auto release = [](const Json* document) { delete document; };
  const absl::Status made = Guarded(absl::StatusCode::kFailedPrecondition, "its reader", [&]() -> absl::Status {
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(Adapter(text), validator->compiled_->schema, fetch, release);
    return absl::OkStatus();
  });
  if (!made.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("the schema is no JSON Schema: ", made.message()));
  }
  return validator;
}

absl::Status JsonValidator::Check(std::string_view json) const {
  const Json value = ParseJson(json);
  if (value.is_discarded()) return absl::DataLossError("the value is no JSON, or too deep");
  return Guarded(absl::StatusCode::kInvalidArgument, "the JSON Schema", [&]() -> absl::Status {
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (validator.validate(compiled_->schema, Adapter(value), &results)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("the value is not what its schema says: ", ReasonsOf(&results)));
  });
}

struct JsonReader::Known {
  absl::flat_hash_map<int32_t, std::unique_ptr<const JsonValidator>> validators;
};

JsonReader::JsonReader(std::shared_ptr<SchemaCache> cache, bool validates)
    : cache_(std::move(cache)), validates_(validates), known_(std::make_unique<Known>()) {}
JsonReader::~JsonReader() = default;

absl::StatusOr<std::string_view> JsonReader::Unframe(std::string_view bytes) {
  const absl::StatusOr<Frame> frame = ReadFrame(bytes);
  if (!frame.ok()) return frame.status();
  const absl::StatusOr<const JsonValidator*> validator = ValidatorOf(frame->schema_id);
  if (!validator.ok()) return validator.status();
  if (*validator != nullptr) {
    if (absl::Status valid = (*validator)->Check(frame->rest); !valid.ok()) {
      return absl::Status(valid.code(), absl::StrCat(valid.message(), " (schema ", frame->schema_id, ")"));
    }
  }
  return frame->rest;
}

absl::StatusOr<const JsonValidator*> JsonReader::ValidatorOf(int32_t schema_id) {
  const auto known = known_->validators.find(schema_id);
  if (known != known_->validators.end()) return known->second.get();
  const auto schema = cache_->FindById(schema_id);
  if (!schema.ok()) return schema.status();
  std::unique_ptr<const JsonValidator> validator;
  if (validates_) {
    absl::StatusOr<std::unique_ptr<const JsonValidator>> made = JsonValidator::Make(**schema);
    if (!made.ok()) {
      return absl::Status(made.status().code(), absl::StrCat("schema ", schema_id, ": ", made.status().message()));
    }
    validator = *std::move(made);
  }
  if (known_->validators.size() >= kMaxKnown) known_->validators.clear();
  return known_->validators.emplace(schema_id, std::move(validator)).first->second.get();
}

struct SharedJsonValidator::State {
  Mutex mutex;
  std::unique_ptr<const JsonValidator> owned ABSL_GUARDED_BY(mutex);
  std::atomic<const JsonValidator*> ready = nullptr;
};

SharedJsonValidator::SharedJsonValidator() : state_(std::make_unique<State>()) {}
SharedJsonValidator::~SharedJsonValidator() = default;

absl::Status SharedJsonValidator::Check(const ResolvedSchema& schema, std::string_view json) const {
  const JsonValidator* validator = state_->ready.load(std::memory_order_acquire);
  if (validator == nullptr) {
    const MutexLock lock(&state_->mutex);
    if (state_->owned == nullptr) {
      absl::StatusOr<std::unique_ptr<const JsonValidator>> made = JsonValidator::Make(schema);
      if (!made.ok()) return made.status();
      state_->owned = *std::move(made);
    }
    validator = state_->owned.get();
    state_->ready.store(validator, std::memory_order_release);
  }
  return validator->Check(json);
}

ProgramSchema JsonProgram(const std::string& own_schema) { return TextProgram(SchemaType::kJson, own_schema); }

ProgramSchema TextProgram(SchemaType type, const std::string& own_schema) {
  const Schema own{.type = type, .text = own_schema};
  ProgramSchema program;
  program.own = [own](SchemaRegistry*, bool) -> absl::StatusOr<Schema> {
    if (!own.text.empty()) return own;
    return absl::FailedPreconditionError(
        "the format has no schema of its own to write by: name one in own_schema, or use SchemaUse::kLatest");
  };
  program.check = [own](SchemaRegistry* registry, const std::string& subject, const ResolvedSchema& latest) {
    if (latest.schema.type != own.type) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the schema is one of type ", SchemaTypeName(latest.schema.type), ", not ", SchemaTypeName(own.type)));
    }
    if (own.text.empty() || ParseJson(own.text) == ParseJson(latest.schema.text)) return absl::OkStatus();
    return registry->CheckCompatible(subject, own);
  };
  return program;
}

}  // namespace once::internal
