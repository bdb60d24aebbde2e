#include "tests/integration/operator_scene.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/orders.pb.h"

namespace once {

namespace {
constexpr absl::Duration kTimeout = absl::Seconds(30);

std::optional<std::string> Copy(OptionalBytes bytes) {
  return bytes.has_value() ? std::optional<std::string>(*bytes) : std::nullopt;
}

OptionalBytes View(const std::optional<std::string>& bytes) {
  return bytes.has_value() ? OptionalBytes(*bytes) : std::nullopt;
}
}  // namespace

std::string HeaderOf(const PlainRecord& record, const std::string& name) {
  for (auto header = record.headers.rbegin(); header != record.headers.rend(); ++header) {
    if (header->first == name) return header->second;
  }
  return "";
}

std::vector<std::string> OperatorTest::MendableArgs(const std::vector<std::string>& words) const {
  std::vector<std::string> args = {std::filesystem::absolute("tests/integration/mendable_app").string()};
  args.insert(args.end(), words.begin(), words.end());
  for (const std::string& flag :
       {"--bootstrap_servers=" + scene_.bootstrap_servers(), "--application_id=" + scene_.application_id(),
        "--input_topic=" + scene_.input(), "--output_topic=" + scene_.output(),
        "--dead_letter_topic=" + scene_.dead_letters()}) {
    args.push_back(flag);
  }
  return args;
}

void OperatorTest::StartMendable(const std::string& then, const std::string& instance,
                                 const std::vector<std::string>& flags) {
  std::vector<std::string> args = MendableArgs(flags);
  for (const std::string& flag :
       {"--state_dir=" + scene_.StateDir(instance), std::string("--session_timeout=3s"),
        std::string("--commit_interval=50ms"), "--broken_file=" + broken_file(), "--then=" + then}) {
    args.push_back(flag);
  }
  pod_ = std::make_unique<Process>(args, std::vector<std::pair<std::string, std::string>>{},
                                   scene_.StateDir(absl::StrCat("log", pods_++)));
}

std::unique_ptr<Process> OperatorTest::StartCommand(const std::vector<std::string>& words) {
  std::vector<std::string> args = MendableArgs(words);
  args.push_back("--yes");
  return std::make_unique<Process>(args, std::vector<std::pair<std::string, std::string>>{},
                                   scene_.StateDir(absl::StrCat("log", pods_++)));
}

void OperatorTest::Break() const { std::ofstream(broken_file()) << "broken"; }
void OperatorTest::Mend() const { std::filesystem::remove(broken_file()); }

void OperatorTest::KillPod() {
  pod_->Signal(SIGKILL);
  ASSERT_TRUE(pod_->Wait(absl::Seconds(10)).has_value());
}

bool OperatorTest::AwaitLog(const std::string& words) {
  return Scene::Eventually([&] { return pod_->Log().find(words) != std::string::npos; });
}

bool OperatorTest::AwaitRunning() { return AwaitLog("runs from offset "); }

void OperatorTest::Write(const std::string& topic, const std::vector<PlainRecord>& records, kafka::Client* client) {
  auto producer = Or(client).NewProducer(absl::StrCat(topic, "-operator"), {topic});
  ASSERT_TRUE(producer.ok()) << producer.status();
  ASSERT_TRUE((*producer)->InitTransactions(kTimeout).ok());
  ASSERT_TRUE((*producer)->BeginTransaction().ok());
  for (const PlainRecord& record : records) {
    std::vector<HeaderView> headers;
    for (const auto& [name, value] : record.headers) headers.push_back({name, std::string_view(value)});
    const auto sent = (*producer)->Send({.partition = record.partition,
                                         .timestamp_ms = record.timestamp_ms,
                                         .key = View(record.key),
                                         .value = View(record.value),
                                         .headers = headers});
    ASSERT_TRUE(sent.ok());
  }
  ASSERT_TRUE((*producer)->Flush(kTimeout).ok());
  ASSERT_TRUE((*producer)->Commit(kTimeout).ok());
}

std::string OperatorTest::Order(const std::string& customer, int64_t cents) {
  orders::v1::OrderPlaced order;
  order.set_customer_id(customer);
  order.set_cents(cents);
  return order.SerializeAsString();
}

void OperatorTest::Place(const std::string& customer, const std::vector<int64_t>& all_cents, int64_t timestamp_ms,
                         kafka::Client* client) {
  std::vector<PlainRecord> records;
  for (const int64_t cents : all_cents) {
    records.push_back({.key = customer,
                       .value = Order(customer, cents),
                       .headers = {{"ce_id", absl::StrCat(customer, "/", placed_++)}},
                       .timestamp_ms = timestamp_ms});
  }
  Write(scene_.input(), records, client);
}

void OperatorTest::Send(const std::string& key, const std::vector<std::string>& values, int partition) {
  std::vector<PlainRecord> records;
  for (const std::string& value : values) {
    records.push_back({.key = key,
                       .value = value,
                       .headers = {{"ce_id", absl::StrCat(key, "/", value)}},
                       .partition = Partition(partition)});
  }
  Write(scene_.input(), records);
}

std::vector<PlainRecord> OperatorTest::Read(const std::string& topic, kafka::Client* client) {
  std::vector<PlainRecord> records;
  const auto reader = Or(client).NewLogReader({topic});
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return records;
  for (int i = 0; i < partitions_; ++i) EXPECT_TRUE((*reader)->Add({{topic, Partition(i)}, Offset(0)}).ok());
  kafka::Batch batch;
  std::set<Partition> ends;
  const bool is_read = Scene::Eventually([&] {
    if (!(*reader)->Poll(absl::Milliseconds(50), &batch).ok()) return false;
    for (const RecordView& each : batch.records) {
      PlainRecord& record = records.emplace_back();
      record.key = Copy(each.key);
      record.value = Copy(each.value);
      for (const HeaderView& header : each.headers) {
        record.headers.emplace_back(header.name, header.value.value_or(""));
      }
      record.partition = each.partition;
      record.offset = each.offset.value();
    }
    for (const kafka::EndOfPartition& end : batch.ends) ends.insert(end.partition);
    return ends.size() >= static_cast<size_t>(partitions_);
  });
  EXPECT_TRUE(is_read) << topic;
  return records;
}

std::vector<std::string> OperatorTest::Outputs(const std::string& key) {
  std::vector<std::string> values;
  for (const PlainRecord& record : Read(scene_.output())) {
    if (record.key == key) values.push_back(record.value.value_or("null"));
  }
  return values;
}

bool OperatorTest::AwaitOutputs(const std::string& key, size_t count, absl::Duration timeout) {
  return Scene::Eventually([&] { return Outputs(key).size() >= count; }, timeout);
}

std::vector<std::string> OperatorTest::Totals(const std::string& customer, kafka::Client* client) {
  std::vector<std::string> totals;
  for (const PlainRecord& record : Read(scene_.output(), client)) {
    orders::v1::CustomerTotal total;
    EXPECT_TRUE(total.ParseFromString(record.value.value_or("")));
    if (record.key == customer) totals.push_back(absl::StrCat(total.order_count(), ":", total.cents()));
  }
  return totals;
}

bool OperatorTest::AwaitTotals(const std::string& customer, size_t count) {
  return Scene::Eventually([&] { return Totals(customer).size() >= count; });
}

int64_t OperatorTest::DeadLetters(const std::string& disposition) {
  int64_t count = 0;
  for (const PlainRecord& record : Read(scene_.dead_letters())) {
    if (HeaderOf(record, "once.disposition") == disposition) ++count;
  }
  return count;
}

bool OperatorTest::AwaitDeadLetters(const std::string& disposition, int64_t count) {
  return Scene::Eventually([&] { return DeadLetters(disposition) >= count; });
}

void OperatorTest::Command(const std::string& id, v1::Command command, int partition) {
  command.set_id(id);
  command.set_issuer("test");
  Write(control(), {{.key = id, .value = command.SerializeAsString(), .partition = Partition(partition)}});
}

std::vector<v1::CommandResult> OperatorTest::Results() {
  std::vector<v1::CommandResult> results;
  for (const PlainRecord& record : Read(audit())) {
    EXPECT_TRUE(results.emplace_back().ParseFromString(record.value.value_or("")));
    EXPECT_EQ(results.back().command_id(), record.key);
  }
  return results;
}

std::vector<std::string> OperatorTest::Outcomes(size_t count) {
  std::vector<v1::CommandResult> results;
  Scene::Eventually([&] {
    results = Results();
    return results.size() >= count;
  });
  std::vector<std::string> outcomes;
  for (const v1::CommandResult& each : results) {
    outcomes.push_back(absl::StrCat(each.command_id(), " ", v1::CommandResult::Outcome_Name(each.outcome()),
                                    each.code().empty() ? "" : " ", each.code()));
  }
  return outcomes;
}

}  // namespace once
