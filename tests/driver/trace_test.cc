// W3C trace context from events to what comes of them, and into the log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "processor/base/trace_context.h"
#include "processor/topology/event_context.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kParent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// What is forwarded, what is emitted, and what is emitted with a trace of the handler's own.
absl::StatusOr<Topology> Build(const Config&) {
  TopologyBuilder builder("tracing");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto forwarded = builder.AddSink<std::string>("forwarded", {.topic = "forwarded"});
  auto emitted = builder.AddSink<std::string>("emitted", {.topic = "emitted"});
  auto own = builder.AddSink<std::string>("own", {.topic = "own"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("all")
      .EmitsTo(forwarded, emitted, own)
      .On<std::string>(in, [=](const std::string& value, auto& event) {
        event.Forward(forwarded);
        event.Emit(emitted, value);
        event.Emit(own, value, {.headers = {{"traceparent", "the handler's"}}});
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

std::string TraceParentIn(TopologyTestDriver* driver, const std::string& topic) {
  const std::vector<testkit::MemoryRecord> records = driver->cluster().ReadCommitted(topic);
  EXPECT_FALSE(records.empty()) << topic;
  return records.empty() ? "" : records.back().header("traceparent").value_or("none");
}

TEST(TraceTest, OutputsNameTheTraceAndANewSpan) {
  TopologyTestDriver driver(Build);
  driver.Send("in", "alice", std::string("x"),
              {.event_id = "1", .headers = {{"traceparent", kParent}, {"tracestate", "a=b"}}});
  driver.RunUntilIdle();
  const std::string made = TraceParentIn(&driver, "emitted");
  const auto parsed = ParseTraceParent(made);
  ASSERT_TRUE(parsed.has_value()) << made;
  EXPECT_EQ(parsed->trace_id, kTrace);
  EXPECT_EQ(parsed->flags, 1);
  EXPECT_NE(made, kParent) << "the span is this event's here";
  EXPECT_EQ(TraceParentIn(&driver, "forwarded"), made);
  EXPECT_EQ(TraceParentIn(&driver, "own"), "the handler's");
  EXPECT_EQ(driver.cluster().ReadCommitted("emitted").back().header("tracestate"), "a=b");
  EXPECT_EQ(driver.cluster().ReadCommitted("forwarded").back().headers.size(), 3u) << "each of them once";
}

TEST(TraceTest, E4TheSpanIsTheSameOnEveryReplayAndAnotherOfEveryEvent) {
  std::vector<std::string> made;
  for (const bool aborts : {false, true}) {
    TopologyTestDriver driver(Build);
    driver.RunUntilIdle();
    if (aborts) driver.AbortNextCommit();
    driver.Send("in", "alice", std::string("x"), {.event_id = "1", .headers = {{"traceparent", kParent}}});
    driver.RunUntilIdle();
    made.push_back(TraceParentIn(&driver, "emitted"));
    driver.Send("in", "alice", std::string("x"), {.event_id = "2", .headers = {{"traceparent", kParent}}});
    driver.RunUntilIdle();
    EXPECT_NE(TraceParentIn(&driver, "emitted"), made.back());
  }
  EXPECT_EQ(made[0], made[1]);
}

TEST(TraceTest, WhatIsNoTraceIsNotHandedOn) {
  TopologyTestDriver driver(Build);
  driver.Send("in", "alice", std::string("x"),
              {.event_id = "1", .headers = {{"traceparent", "00-zz"}, {"tracestate", "a=b"}}});
  driver.RunUntilIdle();
  EXPECT_EQ(TraceParentIn(&driver, "emitted"), "none");
  EXPECT_EQ(TraceParentIn(&driver, "forwarded"), "none");
  EXPECT_FALSE(driver.cluster().ReadCommitted("forwarded").back().header("tracestate").has_value());
}

TEST(TraceTest, WithoutOneNothingChanges) {
  TopologyTestDriver driver(Build);
  driver.Send("in", "alice", std::string("x"), {.event_id = "1", .headers = {{"tracestate", "a=b"}}});
  driver.RunUntilIdle();
  EXPECT_EQ(TraceParentIn(&driver, "emitted"), "none");
  EXPECT_EQ(driver.cluster().ReadCommitted("forwarded").back().header("tracestate"), "a=b");
}

TEST(TraceContextTest, WhatIsATraceParent) {
  for (const std::string& text : {std::string(kParent), "cc" + std::string(kParent).substr(2) + "-more"}) {
    EXPECT_TRUE(ParseTraceParent(text).has_value()) << text;
  }
  const std::string right = kParent;
  for (const std::string& text : {std::string(), right.substr(0, 54), right + "-more", right + " ",
                                  "ff" + right.substr(2), "0g" + right.substr(2), "cc" + right.substr(2) + "more",
                                  std::string("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"),
                                  std::string("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
                                  std::string("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
                                  std::string("00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01")}) {
    EXPECT_FALSE(ParseTraceParent(text).has_value()) << text;
  }
  Arena arena;
  EXPECT_EQ(FormatTraceParent(*ParseTraceParent(kParent), 0xb7ad6b7169203331, &arena), kParent);
  EXPECT_EQ(FormatTraceParent({kTrace, 0}, 0, &arena), "00-0af7651916cd43dd8448eb211c80319c-0000000000000001-00");
}

// What handlers log says which event it is about.
TEST(EventLogTest, SaysPlaceKeyIdAndTrace) {
  struct Keeping final : LogSink {
    void Log(LogLevel, const std::string&) override { ++plain; }
    void LogAbout(LogLevel, const std::string& message, const LogSubject& subject) override {
      said = message + " " + std::string(subject.topic) + "-" + std::to_string(subject.partition.value_or(-1)) + "-" +
             std::to_string(subject.offset.value_or(-1)) + " " + std::string(subject.aggregate) + " " +
             std::string(subject.event_id) + " " + std::string(subject.trace_id);
      task = std::string(subject.task);
    }
    bool Takes(LogLevel level) const override { return level > LogLevel::kDebug; }
    std::string task;
    int plain = 0;
    std::string said;
  };
  Keeping log;
  Arena arena;
  EventContext context(nullptr, &arena, &log);
  context.log().Log(LogLevel::kInfo, "of no event");
  EXPECT_EQ(log.plain, 1);
  const std::string topic = "orders";
  const std::vector<HeaderView> headers = {{"traceparent", std::string_view(kParent)}};
  RecordView record;
  record.partition = Partition(2);
  record.offset = Offset(17);
  record.key = std::string_view("ali\nce");
  record.headers = headers;
  context.Start(record, {.topic = &topic, .id = "e1", .type = {}, .now = {}});
  context.log().Log(LogLevel::kInfo, "hello");
  EXPECT_EQ(log.said, std::string("hello orders-2-17 ali\\x0ace e1 ") + kTrace);
  // The record may be gone when somebody still has the log, or another thread may be at work.
  context.End();
  context.log().Log(LogLevel::kInfo, "later");
  EXPECT_EQ(log.plain, 2);
  context.Start(record, {.topic = &topic, .lead = &topic, .id = "e1", .type = {}, .now = {}});
  std::thread([&] { context.log().Log(LogLevel::kInfo, "elsewhere"); }).join();
  EXPECT_EQ(log.plain, 3);
  context.log().Log(LogLevel::kInfo, "here");
  EXPECT_EQ(log.plain, 3);
  EXPECT_EQ(log.task, "orders-2");
  // What is dropped is not prepared either.
  log.said.clear();
  context.log().Log(LogLevel::kDebug, "nobody hears");
  EXPECT_EQ(log.said, "");
  EXPECT_FALSE(context.log().Takes(LogLevel::kDebug));
  EXPECT_TRUE(context.log().Takes(LogLevel::kInfo));
}

// While its handlers run, and not before or after.
TEST(EventLogTest, AThreadOfAHandlersOwnMayLogAsLongAsItLives) {
  LogSink* kept = nullptr;
  TopologyTestDriver driver([&kept](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("logging");
    auto in = builder.AddSource("in", {.topic = "in"});
    builder.DeadLetterTo("dlq");
    builder.AddTransform("all").On<std::string>(in, [&kept](const std::string& value, auto& event) {
      kept = &event.log();
      event.log().Log(LogLevel::kInfo, "inside " + value);
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  });
  driver.Send("in", "alice", std::string("x"), {.event_id = "1", .headers = {{"traceparent", kParent}}});
  driver.RunUntilIdle();
  ASSERT_NE(kept, nullptr);
  kept->Log(LogLevel::kInfo, "outside");
  for (size_t i = 0; i < driver.log().size(); ++i) {
    const LoggedAbout& about = driver.log_abouts()[i];
    if (driver.log()[i].find("inside x") != std::string::npos) {
      EXPECT_EQ(about.task, "in-0");
      EXPECT_EQ(about.trace_id, kTrace);
    }
    if (driver.log()[i].find("outside") != std::string::npos) {
      EXPECT_EQ(about.task, "");
      EXPECT_EQ(about.aggregate, "");
    }
  }
}

// The lines that tell of an event that failed, and of what is blocked by it.
TEST(EventLogTest, LinesOfTheEngineNameTaskEventAndTrace) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "mallory", Order(-1), {.event_id = "bad", .headers = {{"traceparent", kParent}}});
  driver.RunUntilIdle();
  for (int i = 0; i < 62; ++i) driver.AdvanceTime(absl::Seconds(1));
  int found = 0;
  for (size_t i = 0; i < driver.log().size(); ++i) {
    const LoggedAbout& about = driver.log_abouts()[i];
    const bool is_failure = driver.log()[i].find("events that failed for good") != std::string::npos;
    const bool is_blocked = driver.log()[i].find("aggregate is blocked") != std::string::npos;
    if (!is_failure && !is_blocked) continue;
    found |= is_failure ? 1 : 2;
    EXPECT_EQ(about.task, "orders-0") << driver.log()[i];
    EXPECT_EQ(about.aggregate, "mallory");
    EXPECT_EQ(about.event_id, "bad");
    EXPECT_EQ(about.trace_id, is_failure ? kTrace : "");
  }
  EXPECT_EQ(found, 3) << testing::PrintToString(driver.log());
}

}  // namespace
}  // namespace once
