// An application whose handlers end their process at some events, for the test of what then becomes of them.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "once/main.h"
#include "once/topology.h"

struct Key {
  std::string text;
};

// Ends the process when it meets such a key: as it is decoded, or as its text is wanted.
template <>
struct once::Codec<Key> {
  static void May(const std::string& end, const std::string& text) {
    if (text == "crash-" + end) std::abort();
    if (text == "hang-" + end) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  static std::string TypeName() { return "Key"; }
  static absl::Status Decode(std::string_view bytes, Key* value) {
    value->text.append(bytes);
    May("decode", value->text);
    return absl::OkStatus();
  }
  static std::string_view Encode(const Key& value, once::Arena* arena) { return arena->Copy(value.text); }
  static std::string ToText(const Key& value) {
    May("text", value.text);
    return value.text;
  }
  static absl::StatusOr<Key> FromText(const std::string& text) { return Key{text}; }
};

namespace {

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  once::TopologyBuilder builder("deadly");
  auto in = builder.AddSource<Key>("in", {.topic = config.Get("input_topic", "in")});
  auto out = builder.AddSink<std::string, Key>("out", {.topic = config.Get("output_topic", "out")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "dlq"));
  builder.AddAggregate<std::string, Key>("deadly").EmitsTo(out).On<std::string>(
      in, [out](const std::string& value, auto& deadly) {
        if (value == "crash") std::abort();
        if (value == "fail") return absl::InvalidArgumentError("fails");
        if (value == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
        deadly.Emit(out, value);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

}  // namespace

int main(int argc, char** argv) { return once::Main(argc, argv, Build); }
