// Claim checks on the engine that ships: what goes to the store, what comes back, and what becomes of what does not.
#include "once/claim_check.h"

#include "once/cloud_events.h"
#include "tests/claim_check/scene.h"

namespace once {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class ClaimCheckTest : public ::testing::Test {
 protected:
  std::string Fetched(const SentHeaders& headers) {
    const auto bytes = store_->Get(NameIn(headers), 1'000'000);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or("");
  }

  const std::shared_ptr<InMemoryBlobStore> store_ = std::make_shared<InMemoryBlobStore>();
};

TEST_F(ClaimCheckTest, WhatExceedsTheLimitGoesToTheStoreAndNothingElse) {
  TopologyTestDriver driver(CopyTexts(store_));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  for (const std::string text : {"", "abc", "abcd", "abcde"}) {
    driver.SendBytes("texts", "k" + text, text, {.event_id = "id" + text, .event_type = "text"});
  }
  driver.RunUntilIdle();
  const auto copies = driver.Read<Bytes>("copies");
  ASSERT_THAT(copies, SizeIs(4));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(HeaderOf(copies[i].headers, "once.claim"), "") << i;
  EXPECT_EQ(copies[0].value->data, "");
  EXPECT_EQ(copies[2].value->data, "ABCD");
  EXPECT_EQ(copies[3].value->data, internal::kClaimValue);
  EXPECT_EQ(Fetched(copies[3].headers), "ABCDE");
  // What the handler adds is there as well, and what the engine does.
  EXPECT_THAT(copies[3].headers, Contains(Pair("mine", "1")));
  EXPECT_NE(HeaderOf(copies[3].headers, "ce_id"), "");
  EXPECT_EQ(store_->puts(), 1);
}

// In a record it would say that it lies elsewhere.
TEST_F(ClaimCheckTest, AValueThatReadsAsTheMarkGoesToTheStoreWhateverTheLimit) {
  const std::string mark(internal::kClaimValue);
  const auto format = ClaimCheck<Bytes>(store_, {.inline_bytes = 1'000});
  Arena arena;
  RecordHeaders added;
  const auto bytes = format->NewEncoder("texts")->EncodeWithHeaders(Bytes{mark}, &arena, &added);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  std::vector<HeaderView> headers;
  for (const auto& [name, text] : added) headers.push_back({name, text});
  RecordView record;
  record.value = *bytes;
  record.headers = headers;
  Bytes value;
  const absl::Status decoded = format->NewDecoder("texts")->Decode(record, &value);
  EXPECT_TRUE(decoded.ok()) << decoded;
  EXPECT_EQ(value.data, mark);
  EXPECT_EQ(store_->puts(), 1);
}

TEST_F(ClaimCheckTest, ALimitOfZeroLetsOnlyNothingStay) {
  TopologyTestDriver driver(CopyTexts(store_, {.inline_bytes = 0}));
  for (const std::string text : {"", "a"}) {
    driver.SendBytes("texts", "k" + text, text, {.event_id = "id" + text, .event_type = "text"});
  }
  driver.RunUntilIdle();
  EXPECT_THAT(driver.Read<Bytes>("copies"), SizeIs(2));
  EXPECT_EQ(store_->puts(), 1);
}

TEST_F(ClaimCheckTest, WhatIsInTheStoreIsReadAndForwardedAsItIs) {
  TopologyTestDriver driver(CopyTexts(store_));
  const Claim claim = WriteClaim(store_, "a long text");
  SendClaim(&driver, "k", claim, "1");
  driver.RunUntilIdle();
  const auto copies = driver.Read<Bytes>("copies");
  ASSERT_THAT(copies, SizeIs(1)) << driver.dead_letters()[0].message;
  EXPECT_EQ(Fetched(copies[0].headers), "A LONG TEXT");
  const auto forwarded = driver.Read<Bytes>("forwarded");
  ASSERT_THAT(forwarded, SizeIs(1));
  EXPECT_EQ(forwarded[0].value->data, internal::kClaimValue);
  EXPECT_EQ(HeaderOf(forwarded[0].headers, "once.claim"), HeaderOf(claim.headers, "once.claim"));
}

TEST_F(ClaimCheckTest, AMissingBlobIsADeadLetterOrTriedAgain) {
  const Claim claim = WriteClaim(store_, "a long text");
  const std::string name = NameIn(claim.headers);
  ASSERT_TRUE(store_->Delete(name).ok());
  TopologyTestDriver driver(CopyTexts(store_));
  SendClaim(&driver, "k", claim, "1");
  driver.RunUntilIdle();
  ASSERT_THAT(driver.dead_letters(), SizeIs(1));
  EXPECT_EQ(driver.dead_letters()[0].reason, "NOT_FOUND");
  EXPECT_THAT(driver.dead_letters()[0].message, HasSubstr("there is no blob " + name));

  TopologyTestDriver patient(CopyTexts(store_, {.inline_bytes = 4, .missing = BlobTrouble::kRetry}));
  SendClaim(&patient, "k", claim, "1");
  patient.RunUntilIdle();
  EXPECT_THAT(patient.dead_letters(), IsEmpty());
  EXPECT_THAT(patient.Read<Bytes>("copies"), IsEmpty());
  ASSERT_TRUE(store_->Put(name, "a long text").ok());
  patient.AdvanceTime(absl::Minutes(5));
  patient.RunUntilIdle();
  EXPECT_THAT(patient.Read<Bytes>("copies"), SizeIs(1));
  EXPECT_THAT(patient.dead_letters(), IsEmpty());
}

TEST_F(ClaimCheckTest, ACorruptBlobIsADeadLetterOrTriedAgain) {
  const Claim claim = WriteClaim(store_, "a long text");
  const std::string name = NameIn(claim.headers);
  int sent = 0;
  for (const std::string other : {"", "a long", "A long text", "a long text and more"}) {
    store_->Replace(name, other);
    TopologyTestDriver driver(CopyTexts(store_));
    SendClaim(&driver, "k", claim, std::to_string(++sent));
    driver.RunUntilIdle();
    ASSERT_THAT(driver.dead_letters(), SizeIs(1)) << other;
    EXPECT_EQ(driver.dead_letters()[0].reason, "DATA_LOSS") << other;
  }
  TopologyTestDriver patient(CopyTexts(store_, {.inline_bytes = 4, .corrupt = BlobTrouble::kRetry}));
  SendClaim(&patient, "k", claim, "1");
  patient.RunUntilIdle();
  EXPECT_THAT(patient.dead_letters(), IsEmpty());
  store_->Replace(name, "a long text");
  patient.AdvanceTime(absl::Minutes(5));
  patient.RunUntilIdle();
  EXPECT_THAT(patient.Read<Bytes>("copies"), SizeIs(1));
}

TEST_F(ClaimCheckTest, WhileTheStoreIsDownEventsWaitAndNothingIsEmitted) {
  const Claim claim = WriteClaim(store_, "a long text");
  TopologyTestDriver driver(CopyTexts(store_));
  store_->set_down(true);
  SendClaim(&driver, "read", claim, "1");
  driver.SendBytes("texts", "write", "long as well", {.event_id = "2", .event_type = "text"});
  driver.SendBytes("texts", "other", "tiny", {.event_id = "3", .event_type = "text"});
  driver.RunUntilIdle();
  // Others are not held up.
  EXPECT_THAT(driver.Read<Bytes>("copies"), SizeIs(1));
  EXPECT_THAT(driver.dead_letters(), IsEmpty());
  store_->set_down(false);
  driver.AdvanceTime(absl::Minutes(5));
  driver.RunUntilIdle();
  EXPECT_THAT(driver.Read<Bytes>("copies"), SizeIs(3));
  EXPECT_THAT(driver.dead_letters(), IsEmpty());
}

TEST_F(ClaimCheckTest, HeadersThatAreNoReferenceAskTheStoreForNothing) {
  TopologyTestDriver driver(CopyTexts(store_));
  const std::string value(internal::kClaimValue);
  int sent = 0;
  for (const char* text : {"once-claim-1:../../etc/passwd:5", "http://evil.example/x", "", "/etc/passwd"}) {
    SendClaim(&driver, absl::StrCat("k", sent), {.value = value, .headers = {{"once.claim", text}}},
              absl::StrCat(sent));
    ++sent;
  }
  SendClaim(&driver, "none", {.value = value, .headers = {}}, "none");
  driver.RunUntilIdle();
  ASSERT_THAT(driver.dead_letters(), SizeIs(5));
  for (const auto& letter : driver.dead_letters()) EXPECT_EQ(letter.reason, "DATA_LOSS") << letter.message;
  EXPECT_EQ(store_->gets(), 0);
}

TEST_F(ClaimCheckTest, TooLargeABlobIsNotFetched) {
  const Claim claim = WriteClaim(store_, std::string(1001, 'x'));
  TopologyTestDriver driver(CopyTexts(store_, {.inline_bytes = 4, .max_bytes = 1000}));
  SendClaim(&driver, "k", claim, "1");
  driver.SendBytes("texts", "emits", std::string(1001, 'y'), {.event_id = "2", .event_type = "text"});
  driver.SendBytes("texts", "fits", std::string(1000, 'y'), {.event_id = "3", .event_type = "text"});
  driver.RunUntilIdle();
  EXPECT_EQ(store_->gets(), 0);
  ASSERT_THAT(driver.dead_letters(), SizeIs(2));
  for (const auto& letter : driver.dead_letters()) EXPECT_EQ(letter.reason, "OUT_OF_RANGE") << letter.message;
  EXPECT_THAT(driver.Read<Bytes>("copies"), SizeIs(1));
}

TEST_F(ClaimCheckTest, DeadLettersAndParkedEventsKeepTheReferenceAndRunWithIt) {
  TopologyTestDriver driver(CopyTexts(store_));
  const Claim bad = WriteClaim(store_, "bad and long");
  const Claim good = WriteClaim(store_, "behind the bad one");
  SendClaim(&driver, "k", bad, "1");
  SendClaim(&driver, "k", good, "2");
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Parked("k"), 2);
  const auto letters = driver.dead_letters();
  ASSERT_THAT(letters, SizeIs(2));
  EXPECT_EQ(letters[0].headers.at("once.claim"), HeaderOf(bad.headers, "once.claim"));
  EXPECT_EQ(letters[1].headers.at("once.claim"), HeaderOf(good.headers, "once.claim"));
  for (const auto& letter : letters) EXPECT_EQ(letter.value, std::string(internal::kClaimValue));
  // A crash that loses the disk leaves what the changelog has: the header, and not the payload.
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Skip("copier", std::string("k")).outcome, "APPLIED");
  driver.RunUntilIdle();
  const auto copies = driver.Read<Bytes>("copies");
  ASSERT_THAT(copies, SizeIs(1));
  EXPECT_EQ(Fetched(copies[0].headers), "BEHIND THE BAD ONE");
}

TEST_F(ClaimCheckTest, AValueThatReplacesAParkedOneCountsInItsPlace) {
  TopologyTestDriver driver(CopyTexts(store_));
  SendClaim(&driver, "k", WriteClaim(store_, "bad and long"), "1");
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Replace("copier", std::string("k"), std::string("good")).outcome, "APPLIED");
  driver.RunUntilIdle();
  const auto copies = driver.Read<Bytes>("copies");
  ASSERT_THAT(copies, SizeIs(1));
  EXPECT_EQ(copies[0].value->data, "GOOD");
}

TEST_F(ClaimCheckTest, AnAbortedTransactionLeavesABlobThatTheNextOneWritesAgain) {
  TopologyTestDriver driver(CopyTexts(store_));
  // The first commit of a task is not the one that is meant.
  driver.SendBytes("texts", "k", "tiny", {.event_id = "0", .event_type = "text"});
  driver.RunUntilIdle();
  driver.AbortNextCommit();
  driver.SendBytes("texts", "k", "a long text", {.event_id = "1", .event_type = "text"});
  driver.RunUntilIdle();
  driver.AdvanceTime(absl::Seconds(1));
  driver.RunUntilIdle();
  ASSERT_THAT(driver.Read<Bytes>("copies"), SizeIs(2));
  EXPECT_EQ(store_->puts(), 2);
  EXPECT_THAT(store_->names(), SizeIs(1));
}

TEST_F(ClaimCheckTest, ALazyHandlerFetchesWhatItAsksForOnce) {
  TopologyTestDriver driver([&](const Config&) {
    TopologyBuilder builder("router");
    auto texts = builder.AddSource("texts", {.topic = "texts"});
    auto sizes = builder.AddSink<int64_t>("sizes", {.topic = "sizes"});
    builder.DeadLetterTo("texts.dlq");
    builder.AddTransform("route").EmitsTo(sizes).On<Claimed<std::string>>(
        texts, {"text"}, LazyClaimCheck<std::string>(store_),
        [sizes](const Claimed<std::string>& text, auto& event) -> absl::Status {
          event.Emit(sizes, text.bytes());
          if (!event.event().header("wants").has_value()) return absl::OkStatus();
          for (int i = 0; i < 2; ++i) {
            if (const auto whole = text.Get(); !whole.ok()) return whole.status();
          }
          event.Emit(sizes, static_cast<int64_t>((*text.Get())->size()) + (text.is_in_store() ? 1000 : 0));
          return absl::OkStatus();
        });
    return std::move(builder).Build();
  });
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  Claim claim = WriteClaim(store_, "a long text");
  SendClaim(&driver, "k", claim, "1");
  driver.RunUntilIdle();
  EXPECT_EQ(store_->gets(), 0);
  claim.headers.emplace_back("wants", "it");
  SendClaim(&driver, "k", claim, "2");
  SendClaim(&driver, "k", {.value = "abc", .headers = {{"wants", "it"}}}, "3");
  driver.RunUntilIdle();
  EXPECT_EQ(store_->gets(), 1);
  std::vector<int64_t> sizes;
  for (const auto& record : driver.Read<int64_t>("sizes")) sizes.push_back(*record.value);
  EXPECT_THAT(sizes, ::testing::ElementsAre(11, 11, 1011, 3, 3));
  store_->Replace(NameIn(claim.headers), "damaged");
  SendClaim(&driver, "k", claim, "4");
  driver.RunUntilIdle();
  ASSERT_THAT(driver.dead_letters(), SizeIs(1));
  EXPECT_EQ(driver.dead_letters()[0].reason, "DATA_LOSS");
}

absl::Status StartWith(const Format<Bytes>& format) {
  TopologyTestDriver driver([&](const Config&) {
    TopologyBuilder builder("start");
    auto in = builder.AddSource("in", {.topic = "in"});
    auto out = builder.AddSink<Bytes>("out", {.topic = "out"}, format);
    builder.DeadLetterTo("dlq");
    builder.AddTransform("t").EmitsTo(out).On<Bytes>(in, [](const Bytes&, auto&) { return absl::OkStatus(); });
    return std::move(builder).Build();
  });
  return driver.status();
}

TEST_F(ClaimCheckTest, WhatIsPutTogetherWronglyRefusesTheStart) {
  EXPECT_TRUE(StartWith(ClaimCheck<Bytes>(CloudEvents<Bytes>({.source = "/s"}), store_)).ok());
  const auto structured = CloudEvents<Bytes>({.source = "/s", .mode = CloudEventMode::kStructured});
  EXPECT_THAT(std::string(StartWith(ClaimCheck<Bytes>(structured, store_)).message()), HasSubstr("structured"));
  EXPECT_THAT(std::string(StartWith(ClaimCheck<Bytes>(store_, {.inline_bytes = 10, .max_bytes = 9})).message()),
              HasSubstr("max_bytes 9"));
  const auto nowhere = OpenBlobStore({});
  ASSERT_TRUE(nowhere.ok());
  EXPECT_THAT(std::string(StartWith(ClaimCheck<Bytes>(*nowhere)).message()), HasSubstr("set claim_store_directory"));
}

TEST_F(ClaimCheckTest, FormatsWithinSeeTheRecordsHeaders) {
  Arena arena;
  RecordHeaders headers;
  const auto format = ClaimCheck<Bytes>(CloudEvents<Bytes>({.source = "/s"}), store_, {.inline_bytes = 2});
  ASSERT_TRUE(format->NewEncoder("t")->EncodeWithHeaders(Bytes{"abc"}, &arena, &headers).ok());
  ASSERT_THAT(headers, SizeIs(1));
  std::vector<HeaderView> views = {
      {"ce_specversion", "1.0"}, {"ce_id", "1"}, {"ce_source", "/s"}, {"ce_type", "bytes"}};
  views.push_back({headers[0].first, headers[0].second});
  RecordView record;
  record.value = internal::kClaimValue;
  record.headers = views;
  Bytes read;
  EXPECT_TRUE(format->NewDecoder("t")->Decode(record, &read).ok());
  EXPECT_EQ(read.data, "abc");
  views[0].value = "0.1";
  EXPECT_EQ(format->NewDecoder("t")->Decode(record, &read).code(), absl::StatusCode::kInvalidArgument);
  // Whoever asks for the bytes alone is not given ones that are nothing without headers.
  EXPECT_EQ(format->NewEncoder("t")->Encode(Bytes{"abc"}, &arena).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace once
