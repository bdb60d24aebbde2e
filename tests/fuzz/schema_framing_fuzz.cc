// Values from anybody: frames, indexes, JSON and Avro behind them, and answers of a registry that is none.
#include <string>

#include "absl/strings/match.h"
#include "google/protobuf/descriptor.pb.h"
#include "once/in_memory_schema_registry.h"
#include "processor/base/arena.h"
#include "processor/schema/avro_framing.h"
#include "processor/schema/framing.h"
#include "processor/schema/json_framing.h"
#include "processor/schema/protobuf_framing.h"
#include "processor/schema/registry_messages.h"
#include "tests/fuzz/input.h"

namespace once {
namespace {

using google::protobuf::FieldDescriptorProto;

constexpr char kProto[] =
    "syntax = \"proto3\"; package p; message A { message B { message C {} } } message D { string x = 1; }";
constexpr char kJson[] =
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":9},"number":{"type":"integer"},
  "options":{"type":"object","additionalProperties":{"$ref":"#"}}},"required":["name"]})";
// FieldDescriptorProto has fields of these names, of kinds that fit and such as do not.
constexpr char kAvro[] = R"({"type":"record","name":"R","fields":[{"name":"name","type":"string"},
  {"name":"number","type":["null","long"]},{"name":"label","type":{"type":"enum","name":"L","symbols":["LABEL_OPTIONAL","X"]}},
  {"name":"options","type":["null",{"type":"record","name":"O","fields":[{"name":"packed","type":"boolean"},
  {"name":"uninterpreted_option","type":{"type":"array","items":{"type":"record","name":"U","fields":[
  {"name":"double_value","type":"float"},{"name":"string_value","type":"bytes"}]}}}]}]},
  {"name":"gone","type":{"type":"map","values":{"type":"fixed","name":"F","size":2}}}]})";

struct World {
  World() {
    for (const auto& [type, text] : {std::pair(SchemaType::kProtobuf, kProto), std::pair(SchemaType::kJson, kJson),
                                     std::pair(SchemaType::kAvro, kAvro)}) {
      ONCE_CHECK(registry->Register("a", {.type = type, .text = text}).ok());
    }
  }
  std::shared_ptr<InMemorySchemaRegistry> registry = std::make_shared<InMemorySchemaRegistry>();
  std::shared_ptr<SchemaCache> cache = std::make_shared<SchemaCache>(registry, SchemaCacheOptions{.background = false});
  internal::ProtobufReader protobuf{cache, {"p.D"}};
  internal::JsonReader json{cache, true};
  internal::AvroReader avro{cache};
};

void CheckFraming(std::string_view bytes) {
  const auto frame = internal::ReadFrame(bytes);
  if (frame.ok()) {
    std::string again;
    internal::AppendFrame(frame->schema_id, &again);
    ONCE_CHECK(again + std::string(frame->rest) == bytes);
  }
  std::string_view rest = bytes;
  const auto indexes = internal::ReadMessageIndexes(&rest);
  ONCE_CHECK(indexes.ok() || rest == bytes);
  if (!indexes.ok()) return;
  std::string again;
  internal::AppendMessageIndexes(*indexes, &again);
  // There are longer ways to write it, and no shorter one.
  ONCE_CHECK(again.size() <= bytes.size() - rest.size());
  std::string_view written = again;
  ONCE_CHECK(internal::ReadMessageIndexes(&written).value() == *indexes && written.empty());
}

void CheckValue(std::string_view bytes) {
  static World& world = *new World();
  const auto payload = world.protobuf.Unframe(bytes);
  if (payload.ok()) ONCE_CHECK(bytes.ends_with(*payload));
  FieldDescriptorProto message;
  const auto text = world.json.Unframe(bytes);
  if (text.ok()) (void)internal::WireJsonToMessage(*text, &message);
  if (!world.avro.Decode(bytes, &message).ok()) return;
  // What was read can be written.
  static const auto& schema =
      *internal::AvroSchema::Make({.schema = {.type = SchemaType::kAvro, .text = kAvro}}).value().release();
  Arena arena;
  const auto written = schema.Encode(message, "", &arena);
  FieldDescriptorProto again;
  if (written.ok()) ONCE_CHECK(schema.Decode(*written, &again).ok());
}

void CheckAnswer(const std::string& body) {
  const auto schema = internal::ReadSchema(body);
  if (schema.ok()) ONCE_CHECK(internal::ReadSchema(internal::SchemaBody(*schema)).ok());
  (void)internal::ReadSubjectVersion(body);
  (void)internal::ReadCompatibility(body);
  (void)internal::ReadError(body);
  const auto id = internal::ReadId(body);
  ONCE_CHECK(!id.ok() || *id >= 0);
}

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  const size_t choice = input.Choice(5);
  const std::string bytes(input.Rest());
  if (choice == 0) {
    once::CheckFraming(bytes);
  } else if (choice == 4) {
    once::CheckAnswer(bytes);
  } else {
    // Behind the frame of a schema that is there: a mutator seldom finds it.
    std::string value;
    once::internal::AppendFrame(static_cast<int32_t>(choice), &value);
    once::CheckValue(value + bytes);
  }
  return 0;
}
