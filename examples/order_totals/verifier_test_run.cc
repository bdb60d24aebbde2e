#include "examples/order_totals/verifier_test_run.h"

#include "examples/order_totals/orders.pb.h"
#include "examples/order_totals/verifier_fates.h"
#include "gtest/gtest.h"
#include "once/v1/changelog.pb.h"

namespace orders::verifier {

std::string Order(int64_t cents) {
  v1::OrderPlaced order;
  order.set_order_id("o");
  order.set_customer_id("c");
  order.set_cents(cents);
  return order.SerializeAsString();
}

std::string Total(const std::string& customer, int64_t count, int64_t cents) {
  v1::CustomerTotal total;
  total.set_customer_id(customer);
  total.set_order_count(count);
  total.set_cents(cents);
  return total.SerializeAsString();
}

std::string StateKey(const std::string& key, const std::string& store) {
  return std::string("\x01") + static_cast<char>(store.size()) + store + key;
}

std::string ParkedKey(const std::string& key, uint8_t sequence) {
  return std::string("\x03") + static_cast<char>(key.size()) + key + std::string(7, '\0') + static_cast<char>(sequence);
}

Record& TestRun::In(int32_t partition, const std::optional<std::string>& key, const std::string& id,
                    const std::optional<std::string>& value) {
  auto& [end, committed] = offsets[partition];
  Record record{.topic = "orders",
                .partition = partition,
                .offset = end,
                .timestamp_ms = 1000 + end,
                .key = key,
                .value = value,
                .headers = {}};
  if (!id.empty()) record.headers.push_back({"ce_id", id});
  record.headers.push_back({"ce_type", "orders.v1.OrderPlaced"});
  committed = ++end;
  return input.emplace_back(record);
}

Record& TestRun::Out(int32_t partition, const std::string& key, int64_t count, int64_t cents) {
  Record record = Make("totals", partition, key, Total(key, count, cents));
  record.timestamp_ms.reset();
  return outputs.emplace_back(record);
}

Record& TestRun::Letter(int32_t partition, const Record& event, const std::string& disposition,
                        const std::string& reason, const std::string& blocked_by) {
  Record record = Make("dlq", partition, event.key, event.value);
  for (const RecordHeader& header : event.headers) {
    if (!header.name.starts_with("once.")) record.headers.push_back(header);
  }
  record.headers.push_back({"once.disposition", disposition});
  record.headers.push_back({"once.reason", reason});
  if (!blocked_by.empty()) record.headers.push_back({"once.blocked_by", blocked_by});
  const bool ended = disposition != "FAILED" && disposition != "BLOCKED";
  if (ended) {
    const int round = std::stoi("0" + FindHeader(event.headers, "once.round").value_or(""));
    record.headers.push_back({"once.round", std::to_string(round + 1)});
  }
  const std::optional<std::string> said = FindHeader(event.headers, "once.timestamp");
  if (said.has_value() || event.timestamp_ms.has_value()) {
    record.headers.push_back({"once.timestamp", said.has_value() ? *said : std::to_string(*event.timestamp_ms)});
  }
  record.headers.push_back({"once.origin", Origin(event)});
  record.headers.push_back({"once.application", "order-totals"});
  record.headers.push_back({"once.aggregate", event.key.value_or("")});
  return letters.emplace_back(record);
}

void TestRun::Changelog(int32_t partition, const std::string& key, const std::optional<std::string>& value) {
  changelog.push_back(Make("changelog", partition, key, value));
}

void TestRun::Parked(int32_t partition, uint8_t sequence, const Record& event) {
  once::v1::ParkedEvent parked;
  parked.set_topic(event.topic);
  parked.set_partition(event.partition);
  parked.set_offset(event.offset);
  parked.set_key(*event.key);
  if (event.value.has_value()) parked.set_value(*event.value);
  Changelog(partition, ParkedKey(*event.key, sequence), parked.SerializeAsString());
}

void TestRun::Applied(int32_t partition, const std::string& id, const once::v1::Command& command,
                      const std::string& event_id, int64_t events) {
  once::v1::Command sent = command;
  sent.set_id(id);
  Record& record = control.emplace_back(Make("control", partition, id, sent.SerializeAsString()));
  once::v1::CommandResult result;
  result.set_command_id(id);
  result.set_outcome(once::v1::CommandResult::APPLIED);
  result.set_application("order-totals");
  result.set_partition(partition);
  result.set_offset(record.offset);
  result.set_queues(1);
  result.set_events(events);
  result.set_event_id(event_id);
  if (sent.has_replace()) {
    result.set_hash_after(HashOf(sent.replace().has_value() ? std::optional(sent.replace().value()) : std::nullopt));
    sent.mutable_replace()->clear_value();
  }
  *result.mutable_command() = sent;
  audit.push_back(Make("audit", partition, id, result.SerializeAsString()));
}

void TestRun::Result(const std::function<void(once::v1::CommandResult&)>& change) {
  once::v1::CommandResult result;
  ASSERT_TRUE(result.ParseFromString(*audit.back().value));
  change(result);
  audit.back().value = result.SerializeAsString();
}

Record& TestRun::SendBack(const Record& letter) {
  auto& [end, committed] = offsets[0];
  Record record = letter;
  record.topic = "orders";
  record.partition = 0;
  record.offset = end;
  committed = ++end;
  return input.emplace_back(record);
}

Report TestRun::Verify(const VerifierOptions& options) const {
  Verifier verifier(options);
  for (const Record& record : control) verifier.AddCommand(record);
  for (const Record& record : audit) verifier.AddResult(record);
  for (const Record& record : letters) verifier.AddFate(record);
  for (const Record& record : changelog) verifier.AddFinal(record);
  for (const Record& record : letters) verifier.AddVerdict(record);
  for (const Record& record : input) EXPECT_TRUE(verifier.AddInput(record).ok());
  for (const Record& record : outputs) verifier.AddOutput(record);
  for (const Record& record : letters) verifier.AddDeadLetter(record);
  for (const Record& record : changelog) verifier.AddChangelog(record);
  for (const auto& [partition, offset] : offsets) {
    verifier.AddCommittedOffset("orders", partition, offset.first, offset.second);
  }
  return verifier.Finish();
}

Record TestRun::Make(const std::string& topic, int32_t partition, const std::optional<std::string>& key,
                     const std::optional<std::string>& value) {
  return {.topic = topic,
          .partition = partition,
          .offset = next_offset_++,
          .timestamp_ms = 5,
          .key = key,
          .value = value,
          .headers = {}};
}

TestRun CorrectRun() {
  TestRun run;
  run.input.reserve(32);  // References below must hold.
  run.In(0, "alice", "e1", Order(100));
  run.In(0, "alice", "e2", Order(50));
  run.In(0, "alice", "e1", Order(100));
  run.In(0, "bob", "e3", Order(70));
  const Record& poison = run.In(0, "bob", "e4", Order(-5));
  const Record& blocked_1 = run.In(0, "bob", "e5", Order(10));
  run.In(0, "alice", "e6", Order(25));
  const Record& keyless = run.In(0, std::nullopt, "e7", Order(1));
  run.In(0, "bob", "e4", Order(-5));
  const Record& blocked_2 = run.In(0, "bob", "e8", Order(20));
  run.In(1, "carol", "", Order(9));
  const Record& undecodable = run.In(1, "carol", "", "\x0a\x7f!");
  const Record& blocked_3 = run.In(1, "carol", "e11", Order(4));
  const Record& valueless = run.In(1, "dave", "e12", std::nullopt);
  run.In(1, "dave", "e13", Order(5));

  run.Out(0, "alice", 1, 100);
  run.Out(0, "alice", 2, 150);
  run.Out(0, "bob", 1, 70);
  run.Out(0, "alice", 3, 175);
  run.Out(2, "carol", 1, 9);
  run.Out(2, "dave", 1, 5);

  run.Letter(0, poison, "FAILED", "INVALID_ARGUMENT");
  run.Letter(0, blocked_1, "BLOCKED", "INVALID_ARGUMENT", "e4");
  run.Letter(3, keyless, "REJECTED", "FAILED_PRECONDITION");
  run.Letter(0, blocked_2, "BLOCKED", "INVALID_ARGUMENT", "e4");
  run.Letter(1, undecodable, "FAILED", "DATA_LOSS");
  run.Letter(1, blocked_3, "BLOCKED", "DATA_LOSS", "orders-1-1");
  run.Letter(1, valueless, "REJECTED", "FAILED_PRECONDITION");

  run.Changelog(0, StateKey("alice"), Total("alice", 2, 150));
  run.Changelog(0, StateKey("bob"), Total("bob", 1, 70));
  run.Parked(0, 0, poison);
  run.Parked(0, 1, blocked_1);
  run.Changelog(0, "\x05", "frontier");
  run.Changelog(0, StateKey("alice"), Total("alice", 3, 175));
  run.Parked(0, 2, blocked_2);
  run.Changelog(1, StateKey("carol"), Total("carol", 1, 9));
  run.Changelog(1, StateKey("dave"), Total("dave", 1, 5));
  run.Parked(1, 0, undecodable);
  run.Parked(1, 1, blocked_3);
  return run;
}

once::v1::Target Bob() {
  once::v1::Target target;
  target.set_key("bob");
  return target;
}

once::v1::Command SkipBob() {
  once::v1::Command command;
  *command.mutable_skip()->mutable_target() = Bob();
  return command;
}

TestRun BobBlocked() {
  TestRun run;
  run.input.reserve(16);
  run.In(0, "bob", "e1", Order(10));
  run.In(0, "bob", "e2", Order(-1));
  run.In(0, "bob", "e3", Order(20));
  run.In(0, "bob", "e4", Order(-2));
  run.In(0, "bob", "e5", Order(40));
  run.Out(0, "bob", 1, 10);
  run.Letter(0, run.input[1], "FAILED", "INVALID_ARGUMENT");
  for (const size_t i : {size_t{2}, size_t{3}, size_t{4}}) {
    run.Letter(0, run.input[i], "BLOCKED", "INVALID_ARGUMENT", "e2");
  }
  return run;
}

TestRun BobSkipped() {
  TestRun run = BobBlocked();
  run.Applied(0, "c1", SkipBob(), "e2");
  run.Letter(0, run.input[1], "SKIPPED", "CANCELLED");
  run.Out(0, "bob", 2, 30);
  run.Letter(0, run.input[3], "FAILED", "INVALID_ARGUMENT");
  run.Changelog(0, StateKey("bob"), Total("bob", 2, 30));
  run.Parked(0, 3, run.input[3]);
  run.Parked(0, 4, run.input[4]);
  return run;
}

void ExpectRight(const TestRun& run, const VerifierOptions& options) {
  const Report report = run.Verify(options);
  EXPECT_EQ(report.differences(), 0) << ToTable(report);
}

int64_t CountOf(const Report& report, const char* check, const char* kind) {
  const Check* const found = report.Find(check);
  return found == nullptr ? -1 : found->CountOf(kind);
}

void ExpectOnly(const Report& report, const char* check, const std::map<std::string, int64_t>& kinds) {
  std::map<std::string, int64_t> wanted, found;
  for (const auto& [kind, count] : kinds) wanted[std::string(check) + ": " + kind] = count;
  for (const Check& row : report.checks) {
    for (const Check::Kind& kind : row.kinds) {
      if (kind.count != 0) found[row.name + ": " + kind.name] = kind.count;
    }
  }
  EXPECT_EQ(found, wanted) << ToTable(report);
  EXPECT_GT(report.differences(), 0);
}

}  // namespace orders::verifier
