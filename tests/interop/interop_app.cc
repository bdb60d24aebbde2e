// What tests/interop/run starts beside Kafka Streams (StreamsApp.java) and a plain JVM client (Interop.java). Each of
// its outputs differs from its input, so that no codec passes that is only its own inverse.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "once/main.h"
#include "once/topology.h"
#include "once/windowed_keys.h"

namespace once {
namespace {

using TimeKey = TimeWindowed<std::string>;
using SessionKey = SessionWindowed<std::string>;

int32_t Other(int32_t value) { return value - 1; }
int64_t Other(int64_t value) { return value - 1; }
double Other(double value) { return value / 2; }
std::string Other(const std::string& value) { return value + "ß"; }
Bytes Other(const Bytes& value) {
  Bytes other{std::string(value.data.rbegin(), value.data.rend())};
  other.data.push_back('\xff');
  return other;
}
TimeKey Other(const TimeKey& value) { return TimeKey{value.key + "ß", value.start_ms + 1}; }
SessionKey Other(const SessionKey& value) { return SessionKey{value.key + "ß", value.start_ms - 1, value.end_ms + 1}; }

// Keys and values of the type go from `in-NAME` to `out-NAME`, each as the other.
template <typename T>
void AddEcho(TopologyBuilder& builder, const std::string& name) {
  auto in = builder.AddSource<T>("in-" + name, {.topic = "in-" + name});
  auto out = builder.AddSink<T, T>("out-" + name, {.topic = "out-" + name});
  builder.AddTransform<T>("echo-" + name).EmitsTo(out).template On<T>(in, [out](const T& value, auto& event) {
    event.Emit(out, Other(event.key()), Other(value));
    return absl::OkStatus();
  });
}

// What Kafka Streams made of `out-long`: from `streams-NAME` to `out-NAME` as it is.
template <typename T>
void AddCopy(TopologyBuilder& builder, const std::string& name) {
  auto in = builder.AddSource<int64_t>("streams-" + name, {.topic = "streams-" + name});
  auto out = builder.AddSink<T, int64_t>("copy-" + name, {.topic = "out-" + name});
  builder.AddTransform<int64_t>("copy-" + name).EmitsTo(out).template On<T>(in, [out](const T& value, auto& event) {
    event.Emit(out, value);
    return absl::OkStatus();
  });
}

template <typename WindowedKey>
void AddWindows(TopologyBuilder& builder, const std::string& name) {
  auto in =
      builder.AddSource<WindowedKey>("windows-" + name, {.topic = "streams-" + name, .partitioner = Partitioner::kAny});
  auto out = builder.AddSink<int64_t, WindowedKey>("windows-" + name + "-out", {.topic = "out-" + name});
  auto text = builder.AddSink<std::string, std::string>("windows-" + name + "-text", {.topic = "text-" + name});
  builder.AddTransform<WindowedKey>("windows-" + name)
      .EmitsTo(out, text)
      .template On<int64_t>(in,
                            [out, text](const int64_t& count, auto& event) {
                              event.Emit(out, Other(event.key()), count);
                              event.Emit(text, event.key().key, Codec<WindowedKey>::ToText(event.key()));
                              return absl::OkStatus();
                            })
      // A session that grew into another one.
      .OnTombstone(in, [out](auto& event) {
        event.EmitTombstone(out, Other(event.key()));
        return absl::OkStatus();
      });
}

absl::StatusOr<Topology> Build(const Config&) {
  TopologyBuilder builder("interop");
  builder.DeadLetterTo("dead-letters");
  // Calls go on to Kafka Streams, whose counts per key come back. Both meet in one aggregate: only where all have put
  // a key into the same partition does the difference come to 0.
  auto calls = builder.AddSource<Bytes>("calls", {.topic = "calls"});
  auto counts = builder.AddSource<Bytes>("counts", {.topic = "streams-counts"});
  auto copies = builder.AddSink<int64_t, Bytes>("copies", {.topic = "copies"});
  auto differences = builder.AddSink<int64_t, Bytes>("differences", {.topic = "differences"});
  builder.AddAggregate<int64_t, Bytes>("seen")
      .EmitsTo(copies, differences)
      .On<int64_t>(calls,
                   [copies](const int64_t& call, auto& key) {
                     if (call < 0) return absl::InvalidArgumentError("a call must not be negative");
                     ++*key.mutable_state();
                     key.Emit(copies, call);
                     return absl::OkStatus();
                   })
      .On<int64_t>(counts, [differences](const int64_t& count, auto& key) {
        key.Emit(differences, *key.mutable_state() - count);
        return absl::OkStatus();
      });
  AddEcho<int32_t>(builder, "integer");
  AddEcho<int64_t>(builder, "long");
  AddEcho<double>(builder, "double");
  AddEcho<std::string>(builder, "string");
  AddEcho<Bytes>(builder, "bytes");
  AddCopy<int64_t>(builder, "twins");
  AddCopy<std::string>(builder, "typed");
  AddCopy<std::string>(builder, "words");
  AddWindows<TimeKey>(builder, "time");
  AddWindows<SessionKey>(builder, "session");
  return std::move(builder).Build();
}

}  // namespace
}  // namespace once

int main(int argc, char** argv) { return once::Main(argc, argv, once::Build); }
