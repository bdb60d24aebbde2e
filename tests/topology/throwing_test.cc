// The user's code may throw wherever it is called: its event fails, and nothing else (rule X3).
#include "tests/topology/throwing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "processor/per_worker.h"
#include "tests/topology/handler_harness.h"

namespace once {
namespace {

using test::Fickle;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Told what to do by the event's text: emit under the own key, under another, store, or show the key.
absl::StatusOr<Topology> Build() {
  TopologyBuilder builder("app");
  auto in = builder.AddSource<Fickle>("in", {.topic = "in"});
  auto out = builder.AddSink<Fickle, Fickle>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<Fickle, Fickle>("all").EmitsTo(out).On<Fickle>(in, [out](const Fickle& event, auto& context) {
    const std::string does = event.text.substr(0, event.text.find(' '));
    const Fickle what{event.text.substr(does.size())};
    if (does == "emit") context.Emit(out, what);
    if (does == "emit_key") context.Emit(out, what, Fickle());
    if (does == "store") *context.mutable_state() = what;
    if (does == "read") context.state();
    if (does == "key") context.key();
    if (does == "throw") test::MayThrow(what.text, "handler");
    if (does == "swallow") {
      try {
        context.Emit(out, what);
      } catch (...) {
      }
    }
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

struct Case {
  std::string name;
  std::string value;
  absl::StatusCode code;
  std::string message;
  std::string key = "key";
  std::string state = {};
};

class ThrowingTest : public ::testing::TestWithParam<Case> {};

TEST_P(ThrowingTest, X3FailsItsEventOnly) {
  const Case& test = GetParam();
  HandlerHarness harness(*Build());
  if (!test.state.empty()) harness.states[{0, test.key}] = test.state;
  const auto before = harness.states;
  const absl::Status status = harness.Run({.key = test.key, .value = test.value});
  EXPECT_EQ(status.code(), test.code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(test.message));
  EXPECT_EQ(harness.states, before);
  EXPECT_THAT(harness.outputs, IsEmpty());
  // The same runner takes the next event as if nothing had been.
  EXPECT_TRUE(harness.Run({.key = "next", .value = "store fine"}).ok());
  EXPECT_EQ((harness.states[{0, "next"}]), " fine");
}

using Code = absl::StatusCode;
INSTANTIATE_TEST_SUITE_P(
    Cases, ThrowingTest,
    ::testing::Values(
        Case{"Value", "!decode", Code::kDataLoss, "the value cannot be decoded: the codec threw: no decode"},
        Case{"ValueAnything", "!!decode", Code::kDataLoss, "the codec threw something that is no std::exception"},
        Case{"Handler", "throw !handler", Code::kInternal, "the handler threw: no handler"},
        Case{"HandlerAnything", "throw !!handler", Code::kInternal, "the handler threw something"},
        Case{"EncodedValue", "emit !encode", Code::kInternal, "\"all\" emits a value, but its codec threw: no encode"},
        Case{"CheckedValue", "emit !!check", Code::kInternal, "\"all\" emits a value, but its codec threw something"},
        Case{"EncodedKey", "emit_key !encode", Code::kInternal, "\"all\" emits a key, but its codec threw: no encode"},
        Case{"CheckedKey", "emit_key !check", Code::kInternal, "\"all\" emits a key, but its codec threw: no check"},
        Case{"EncodedState", "store !encode", Code::kInternal,
             "\"all\" stores a state, but its codec threw: no encode"},
        Case{"CheckedState", "store !!check", Code::kInternal, "\"all\" stores a state, but its codec threw something"},
        Case{"CaughtByTheHandler", "swallow !encode", Code::kInternal, "emits a value, but its codec threw: no encode"},
        Case{"Key", "key", Code::kFailedPrecondition, "is no Fickle: the codec threw: no decode", "!decode"},
        Case{"StoredState", "read", Code::kDataLoss,
             "the stored state of \"all\", key \"<key>\", cannot be decoded: the codec threw: no decode", "key",
             "!decode"},
        Case{"TextOfTheKeyOfAStoredState", "read", Code::kDataLoss, "key \"!!text\", cannot be decoded", "!!text",
             "!decode"},
        Case{"KeyOfAStoredState", "read", Code::kDataLoss, "key \"!decode\", cannot be decoded", "!decode", "!decode"}),
    [](const auto& info) { return info.param.name; });

TEST(ThrowingKeysTest, X3AreUndecodableAndShownAsBytes) {
  const Topology topology = *Build();
  const SourceSpec& source = topology.graph().sources[0];
  EXPECT_TRUE(source.check_key("fine").ok());
  EXPECT_EQ(source.key_to_text("fine"), "<fine>");
  EXPECT_EQ(source.check_key("!decode").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(source.check_key("!!decode").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(source.key_to_text("!decode\n"), "!decode\\x0a");
  EXPECT_EQ(source.key_to_text("!text\xff"), "!text\\xff");
  EXPECT_EQ(source.key_to_text("!!text"), "!!text");
}

// Cannot be copied while `fails` is set.
class Stubborn {
 public:
  explicit Stubborn(std::shared_ptr<bool> fails) : fails_(std::move(fails)) {}
  Stubborn(const Stubborn& other) : fails_(other.fails_) {
    if (*fails_) throw std::runtime_error("no copy");
  }
  Stubborn(Stubborn&&) = default;

 private:
  std::shared_ptr<bool> fails_;
};

TEST(ThrowingHandlersTest, X3OneThatCannotBeCopiedFailsItsEventsUntilItCan) {
  auto fails = std::make_shared<bool>(false);
  TopologyBuilder builder("app");
  auto in = builder.AddSource("in", {.topic = "in"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("t").OnAny(in, [stubborn = Stubborn(fails)](const Bytes&, auto&) { return absl::OkStatus(); });
  const Topology topology = *std::move(builder).Build();
  *fails = true;
  HandlerHarness harness(topology);
  const absl::Status status = harness.Run({});
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("copying the handler for a worker threw: no copy"));
  *fails = false;
  EXPECT_TRUE(harness.Run({}).ok());
}

TEST(ThrowingHandlersTest, X3APerWorkerWithoutObjectFailsTheEvent) {
  int calls = 0;
  TopologyBuilder builder("app");
  auto in = builder.AddSource("in", {.topic = "in"});
  builder.DeadLetterTo("dlq");
  PerWorker<int> number([&calls]() -> std::unique_ptr<int> {
    if (++calls == 1) throw std::runtime_error("no service");
    return calls == 2 ? nullptr : std::make_unique<int>(7);
  });
  builder.AddTransform("t").OnAny(
      in, [number](const Bytes&, auto&) { return *number == 7 ? absl::OkStatus() : absl::UnknownError(""); });
  HandlerHarness harness(*std::move(builder).Build());
  EXPECT_THAT(std::string(harness.Run({}).message()), HasSubstr("the handler threw: no service"));
  EXPECT_THAT(std::string(harness.Run({}).message()), HasSubstr("the factory of a PerWorker returned null"));
  EXPECT_TRUE(harness.Run({}).ok());
}

}  // namespace
}  // namespace once
