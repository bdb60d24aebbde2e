// A pod with claim checks on a broker, at $ONCE_TEST_BOOTSTRAP, and a blob store: S3 at $ONCE_TEST_S3 if that is set,
// else a directory. tests/claim_check/run starts both.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "once/blob_store.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/client.h"
#include "tests/claim_check/scene.h"
#include "tests/integration/process.h"
#include "tools/claim_sweep/sweep.h"
#include "tools/claim_sweep/topic_reader.h"

namespace once {
namespace {

constexpr char kProgram[] = "tests/claim_check/claims_app";
constexpr absl::Duration kCall = absl::Seconds(20), kPatience = absl::Seconds(90);
constexpr int kTexts = 60;
constexpr size_t kTextBytes = 1'200'000;  // More than a topic takes by default.

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class ClaimsOnBrokerTest : public ::testing::Test {
 protected:
  ClaimsOnBrokerTest() {
    kafka::RdKafkaConfig config;
    config.bootstrap_servers = Variable("ONCE_TEST_BOOTSTRAP");
    client_ = kafka::MakeRdKafkaClient(config, &log_).value();
    admin_ = client_->NewAdmin().value();
    std::string directory = absl::StrCat(testing::TempDir(), "/claims-XXXXXX");
    directory_ = mkdtemp(directory.data());
    if (const std::string s3 = Variable("ONCE_TEST_S3"); !s3.empty()) {
      options_.s3 = {.endpoint = s3,
                     .bucket = "claims",
                     .prefix = unique_,
                     .credentials_file = Variable("ONCE_TEST_S3_CREDENTIALS"),
                     .timeout = absl::Seconds(60)};
    } else {
      options_.directory = directory_ + "/blobs";
      EXPECT_EQ(mkdir(options_.directory.c_str(), 0700), 0);
    }
    store_ = OpenBlobStore(options_).value();
    for (const char* name : {"texts", "copies", "letters"}) {
      EXPECT_TRUE(admin_->CreateTopic({.name = Topic(name), .partition_count = 2}, kCall).ok());
    }
  }

  std::string Topic(const std::string& name) const { return absl::StrCat(unique_, "-", name); }

  // Of the application, with these words before.
  std::unique_ptr<Process> Start(const std::vector<std::string>& words) {
    std::vector<std::string> args = {kProgram};
    args.insert(args.end(), words.begin(), words.end());
    for (const std::string& each : Options()) args.push_back(each);
    return std::make_unique<Process>(args, std::vector<std::pair<std::string, std::string>>(),
                                     absl::StrCat(directory_, "/pod-", ++starts_, ".log"));
  }
  std::unique_ptr<Process> StartPod() {
    return Start({"run", "--create_topics", "--instance_id=pod-0", "--state_dir=" + directory_ + "/state"});
  }

  std::vector<std::string> Options() const {
    std::vector<std::string> args = {"--bootstrap_servers=" + Variable("ONCE_TEST_BOOTSTRAP"), "--app_name=" + unique_,
                                     "--texts_topic=" + Topic("texts"), "--copies_topic=" + Topic("copies"),
                                     "--letters_topic=" + (letters_topic_.empty() ? Topic("letters") : letters_topic_)};
    if (options_.directory.empty()) {
      args.push_back("--claim_store_s3_endpoint=" + options_.s3.endpoint);
      args.push_back("--claim_store_s3_bucket=claims");
      args.push_back("--claim_store_s3_prefix=" + unique_);
      args.push_back("--claim_store_s3_credentials_file=" + options_.s3.credentials_file);
      args.push_back("--claim_store_timeout=60s");
    } else {
      args.push_back("--claim_store_directory=" + options_.directory);
    }
    return args;
  }

  // One transaction, which is committed or aborted.
  void Send(const std::vector<std::pair<std::string, std::string>>& texts, bool commits, const std::string& key = "",
            bool with_claims = true) {
    auto producer = client_->NewProducer(absl::StrCat(unique_, "-p", ++producers_), {Topic("texts")}).value();
    ASSERT_TRUE(producer->InitTransactions(kCall).ok());
    ASSERT_TRUE(producer->BeginTransaction().ok());
    for (const auto& [id, text] : texts) {
      const Claim claim = with_claims ? WriteClaim(store_, text, 1000) : Claim{text, {}};
      std::vector<HeaderView> headers = {{"ce_id", id}, {"ce_type", "text"}};
      for (const auto& [name, value] : claim.headers) headers.push_back({name, value});
      OutputRecord record;
      record.key = key.empty() ? id : key;
      record.value = claim.value;
      record.headers = headers;
      ASSERT_TRUE(producer->Send(record).ok());
    }
    ASSERT_TRUE(producer->Flush(kCall).ok());
    ASSERT_TRUE((commits ? producer->Commit(kCall) : producer->Abort(kCall)).ok());
  }

  // What is committed, by key: names of blobs.
  std::multimap<std::string, std::string> Read(const std::string& name) { return ReadTopic(Topic(name)); }
  std::multimap<std::string, std::string> ReadTopic(const std::string& topic) {
    std::multimap<std::string, std::string> claims;
    claim_sweep::TopicReader reader(client_.get(), admin_.get(), topic, kCall, kPatience);
    const absl::Status read = reader.ReadOn([&](const RecordView& record) {
      const auto claim = internal::ClaimOf(record);
      claims.emplace(std::string(record.key.value_or("")), claim.ok() && claim->has_value() ? (*claim)->name : "");
    });
    EXPECT_TRUE(read.ok()) << read;
    return claims;
  }
  bool WaitFor(const std::string& name, size_t count) { return WaitForRecords(Topic(name), count); }
  bool WaitForRecords(const std::string& topic, size_t count) {
    const absl::Time deadline = SteadyNow() + kPatience;
    while (ReadTopic(topic).size() < count) {
      if (SteadyNow() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(200));
    }
    return true;
  }

  const std::string unique_ = absl::StrCat("claims-", absl::ToUnixMillis(absl::Now()), "-", getpid());
  NullLogSink log_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
  BlobStoreOptions options_;
  std::shared_ptr<BlobStore> store_;
  std::string directory_;
  std::string letters_topic_;
  int starts_ = 0, producers_ = 0;
};

TEST_F(ClaimsOnBrokerTest, LargeTextsComeOutOnceThroughKillsAndOrphansAreSwept) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (int i = 0; i < kTexts; ++i) {
    texts.emplace_back(absl::StrCat("id-", i), absl::StrCat("text ", i, std::string(kTextBytes, 'x')));
  }
  texts.emplace_back("bad-one", "bad" + std::string(kTextBytes, 'y'));
  Send(texts, true);
  Send({{"aborted", std::string(kTextBytes, 'z')}}, false);
  for (const size_t killed_at : {size_t{1}, size_t{20}}) {
    auto pod = StartPod();
    ASSERT_TRUE(WaitFor("copies", killed_at)) << pod->Log();
    pod->Signal(SIGKILL);
    pod->Wait(kPatience);
  }
  auto pod = StartPod();
  ASSERT_TRUE(WaitFor("copies", kTexts) && WaitFor("letters", 1)) << pod->Log();
  pod->Signal(SIGTERM);
  const auto ended = pod->Wait(kPatience);
  ASSERT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();

  const claim_sweep::SweepOptions sweep{
      .topics = {Topic("texts"), Topic("copies"), Topic("letters"), absl::StrCat(unique_, "-texts-changelog")},
      .deletes = true};
  const auto report = claim_sweep::Sweep(client_.get(), store_.get(), absl::Now() + absl::Hours(48), sweep);
  ASSERT_TRUE(report.ok()) << report.status();
  // The aborted transaction's at least; the kills may have left some.
  EXPECT_GE(report->swept, 1);
  EXPECT_EQ(report->kept, 2 * kTexts + 1);
  EXPECT_EQ(Read("letters").begin()->second, Read("texts").find("bad-one")->second);

  const auto copies = Read("copies");
  EXPECT_EQ(copies.size(), kTexts);
  for (int i = 0; i < kTexts; ++i) {
    const auto copy = copies.find(absl::StrCat("id-", i));
    ASSERT_NE(copy, copies.end()) << i;
    const auto blob = store_->Get(copy->second, 2 * kTextBytes);
    ASSERT_TRUE(blob.ok()) << blob.status();
    EXPECT_EQ(*blob == absl::StrCat("TEXT ", i, std::string(kTextBytes, 'X')), true) << i;
  }
}

// R1, R6: of events that neither the changelog nor the dead-letter topic has room for.
TEST_F(ClaimsOnBrokerTest, TextsThatNoRecordCanHoldAreRunInTheirTurn) {
  const std::string changelog = absl::StrCat(unique_, "-texts-changelog"), narrow = absl::StrCat(unique_, "-narrow");
  for (const std::string& topic : {changelog, narrow}) {
    std::map<std::string, std::string> settings = {{"max.message.bytes", "200000"}};
    if (topic == changelog) settings["cleanup.policy"] = "compact";
    ASSERT_TRUE(admin_->CreateTopic({.name = topic, .partition_count = 2, .settings = settings}, kCall).ok());
  }
  letters_topic_ = narrow;
  const std::string rest(500'000, 'x');
  Send({{"1", "bad" + rest}, {"2", "fine" + rest}, {"3", "fine too" + rest}}, true, "key", false);
  auto pod = StartPod();
  ASSERT_TRUE(WaitForRecords(narrow, 3)) << pod->Log();
  // What it knows of them is in the changelog alone.
  pod->Signal(SIGKILL);
  pod->Wait(kPatience);
  std::filesystem::remove_all(directory_ + "/state");
  pod = StartPod();
  auto shown = Start({"parked", "show", "copier", "key", "--json"});
  ASSERT_TRUE(shown->Wait(kPatience).has_value());
  EXPECT_TRUE(absl::StrContains(shown->Log(), "badxxxxxxxx")) << shown->Log().substr(0, 1000);
  auto skipped = Start({"parked", "skip", "copier", "key", "--yes"});
  const auto done = skipped->Wait(kPatience);
  ASSERT_TRUE(done.has_value() && done->code == 0) << skipped->Log();
  ASSERT_TRUE(WaitFor("copies", 2)) << pod->Log();
  pod->Signal(SIGTERM);
  const auto ended = pod->Wait(kPatience);
  ASSERT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();
  std::multiset<size_t> sizes;
  for (const auto& [key, blob] : Read("copies")) sizes.insert(store_->Get(blob, 1'000'000)->size());
  EXPECT_EQ(sizes, (std::multiset<size_t>{rest.size() + 4, rest.size() + 8}));

  // The letters, the last of them of what was skipped, refer to their values.
  const claim_sweep::SweepOptions sweep{.topics = {Topic("texts"), Topic("copies"), narrow, changelog},
                                        .deletes = true};
  const auto report = claim_sweep::Sweep(client_.get(), store_.get(), absl::Now() + absl::Hours(48), sweep);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GE(report->kept, 2 + 3) << "two copies, and three letters";
}

}  // namespace
}  // namespace once
