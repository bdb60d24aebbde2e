#include "processor/engine/dead_letter.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/letter_families.h"
#include "processor/base/strings.h"

namespace once {
namespace {

// Or the broker would refuse the dead letter of every event behind one whose ID is huge.
TEST(DeadLetterTest, AHugeIdOfTheBlockingEventDoesNotMakeItTooLarge) {
  Arena arena;
  RecordView record;
  record.key = "alice";
  const std::string id(200'000, 'i');
  DeadLetter letter;
  letter.disposition = Disposition::kBlocked;
  letter.reason = "INTERNAL";
  letter.blocked_by = id;
  const OutputRecord out = MakeDeadLetter(record, "orders", letter, {.max_bytes = 100'000}, &arena);
  EXPECT_LE(EstimatedSize(out), 100'000u);
  EXPECT_EQ(FindHeader(out.headers, "once.blocked_by"), OptionalBytes(std::string_view(id).substr(0, 1024)));
}

std::string Omitted(const OutputRecord& letter) {
  return std::string(FindHeader(letter.headers, "once.omitted").value_or("nothing"));
}

TEST(DeadLetterTest, X3ItFitsWhateverTheEventAndTheTopicAre) {
  Arena arena;
  const std::string large(50'000, 'x');
  for (const bool large_key : {false, true}) {
    for (const bool keyless : {false, true}) {
      for (const size_t limit : {200, 300, 1'000, 10'000, 100'000, 200'000}) {
        const std::vector<HeaderView> headers = {{large, std::string_view(large)}, {"ce_id", std::string_view("1")}};
        RecordView record;
        record.key = large_key ? std::string_view(large) : "alice";
        if (keyless) record.key = std::nullopt;
        record.value = large;
        record.headers = headers;
        DeadLetter letter{.reason = "INTERNAL", .message = large, .application = "app", .aggregate = large};
        letter.round = 1;
        const OutputRecord out =
            MakeDeadLetter(record, "orders", letter, {.max_bytes = limit, .stamp_ms = 5, .needs_key = true}, &arena);
        EXPECT_LE(EstimatedSize(out), limit);
        EXPECT_EQ(FindHeader(out.headers, "once.origin"), OptionalBytes("orders-0-0"));
        EXPECT_EQ(out.timestamp_ms, 5);
        EXPECT_TRUE(out.key.has_value()) << "a compacted topic takes none without";
        EXPECT_TRUE(out.value.has_value()) << "which would delete earlier letters of the key";
      }
    }
  }
}

TEST(DeadLetterTest, X3EachFormLeavesOutMore) {
  Arena arena;
  const std::string value(5'000, 'v');
  const std::string key(1'500, 'k');
  RecordView record;
  record.key = key;
  record.value = value;
  const DeadLetter letter{.reason = "INTERNAL", .message = value, .application = "app", .aggregate = "alice"};
  const auto make = [&](size_t limit) {
    return MakeDeadLetter(record, "orders", letter, {.max_bytes = limit}, &arena);
  };
  EXPECT_EQ(Omitted(make(20'000)), "nothing");
  EXPECT_EQ(FindHeader(make(20'000).headers, "once.message")->size(), kMaxStoredMessageBytes);
  EXPECT_EQ(FindHeader(make(8'000).headers, "once.message")->size(), 128u);
  EXPECT_EQ(make(8'000).value, OptionalBytes(value));
  EXPECT_EQ(Omitted(make(3'000)), "value");
  EXPECT_EQ(make(3'000).key, OptionalBytes(key));
  EXPECT_EQ(Omitted(make(1'000)), "key,value");
  EXPECT_EQ(FindHeader(make(1'000).headers, "once.reason"), OptionalBytes("INTERNAL"));
  EXPECT_EQ(Omitted(make(250)), "key,value");
  EXPECT_EQ(FindHeader(make(250).headers, "once.application"), OptionalBytes("app"));
  EXPECT_EQ(FindHeader(make(250).headers, "once.reason"), std::nullopt);
  EXPECT_EQ(make(150).headers.size(), 2u);
}

// What handlers and codecs say need not be text; headers are.
TEST(DeadLetterTest, X3WhatHandlersSayIsTextInItsHeaders) {
  Arena arena;
  const std::string said("a\0b\n\x1b[31mred\xff gr\xc3\xbc\xc3\x9f", 20);
  const DeadLetter letter{.reason = "INTERNAL", .message = said, .application = "app", .aggregate = said};
  const OutputRecord out = MakeDeadLetter(RecordView(), "orders", letter, {.max_bytes = 100'000}, &arena);
  for (const std::string_view name : {"once.message", "__streams.errors.message", "once.aggregate"}) {
    EXPECT_EQ(FindHeader(out.headers, name), OptionalBytes("a\\x00b\n\\x1b[31mred\\xff gr\xc3\xbc\xc3\x9f")) << name;
  }
  const std::string zeros(10'000, '\0');
  const DeadLetter worst{.reason = "INTERNAL", .message = zeros, .application = "app", .aggregate = zeros};
  const OutputRecord bounded = MakeDeadLetter(RecordView(), "orders", worst, {.max_bytes = 100'000}, &arena);
  EXPECT_EQ(FindHeader(bounded.headers, "once.message")->size(), kMaxStoredMessageBytes);
}

TEST(OneLineTest, X3LeavesTextAndEscapesWhatControls) {
  EXPECT_EQ(OneLine("plain gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \\"),
            "plain gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \\");
  EXPECT_EQ(OneLine(std::string_view("\0\t\r\n\x1b\x7f", 6)), "\\x00\\x09\\x0d\\x0a\\x1b\\x7f");
  EXPECT_EQ(OneLine("\xc2\x85 \xe2\x80\xa8 \xe2\x80\xae \xe2\x81\xa6"),
            "\\xc2\\x85 \\xe2\\x80\\xa8 \\xe2\\x80\\xae \\xe2\\x81\\xa6")
      << "NEL, a line's separator, and what turns the direction";
  EXPECT_EQ(OneLine("\xff\xc3 \xed\xa0\x80"), "\\xff\\xc3 \\xed\\xa0\\x80") << "no UTF-8";
  EXPECT_EQ(OneLine(OneLine("\n")), OneLine("\n"));
  EXPECT_EQ(PlainText("a\tb\nc\rd"), "a\tb\nc\\x0dd");
}

// Headers of an earlier round are replaced, so that it does not grow; those that only look like ours stay.
TEST(DeadLetterTest, X3OlderHeadersOfOursAreReplaced) {
  Arena arena;
  RecordView record;
  record.timestamp_ms = 17;
  const DeadLetter letter{.reason = "INTERNAL", .message = "m", .application = "app", .aggregate = "", .round = 2};
  const OutputRecord first = MakeDeadLetter(record, "orders", letter, {.max_bytes = 100'000}, &arena);
  std::vector<HeaderView> headers(first.headers.begin(), first.headers.end());
  headers.push_back({"once.upon", std::string_view("a time")});
  headers.push_back({"once.blocked_by", std::string_view("x")});
  record.headers = headers;
  record.timestamp_ms = 99;
  const OutputRecord second = MakeDeadLetter(record, "orders", letter, {.max_bytes = 100'000}, &arena);
  EXPECT_EQ(second.headers.size(), first.headers.size() + 1);
  EXPECT_EQ(FindHeader(second.headers, "once.upon"), OptionalBytes("a time"));
  EXPECT_EQ(FindHeader(second.headers, "once.blocked_by"), std::nullopt);
  EXPECT_EQ(FindHeader(second.headers, "once.timestamp"), OptionalBytes("17"));
}

// Byte for byte what the tools of those frameworks read: text, but for Spring's numbers.
TEST(DeadLetterTest, R6HeadersOfOtherFrameworksAreAsTheyWriteThem) {
  Arena arena;
  RecordView record;
  record.partition = Partition(258);
  record.offset = Offset(int64_t{1} << 40 | 7);
  record.timestamp_ms = 1'700'000'000'000;
  const DeadLetter letter{
      .reason = "DATA_LOSS", .message = "b\xc3\xbcg", .node = "customer", .application = "app", .aggregate = "alice"};
  const LetterFamilies all{.kafka_streams = true, .spring = true, .connect = true};
  const OutputRecord out = MakeDeadLetter(record, "orders", letter, {.max_bytes = 100'000, .families = all}, &arena);
  std::vector<std::pair<std::string, std::string>> found;
  for (const HeaderView& header : out.headers) {
    if (header.name.starts_with("once.")) continue;
    found.emplace_back(header.name, std::string(header.value.value()));
  }
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"__streams.errors.exception", "DATA_LOSS"},
      {"__streams.errors.message", "b\xc3\xbcg"},
      {"__streams.errors.stacktrace", ""},
      {"__streams.errors.topic", "orders"},
      {"__streams.errors.partition", "258"},
      {"__streams.errors.offset", "1099511627783"},
      {"kafka_dlt-original-topic", "orders"},
      {"kafka_dlt-original-partition", std::string("\0\0\1\2", 4)},
      {"kafka_dlt-original-offset", std::string("\0\0\1\0\0\0\0\7", 8)},
      {"kafka_dlt-original-timestamp", std::string("\x00\x00\x01\x8b\xcf\xe5\x68\x00", 8)},
      {"kafka_dlt-original-timestamp-type", "CreateTime"},
      {"kafka_dlt-original-consumer-group", "app"},
      {"kafka_dlt-exception-fqcn", "DATA_LOSS"},
      {"kafka_dlt-exception-cause-fqcn", "DATA_LOSS"},
      {"kafka_dlt-exception-message", "b\xc3\xbcg"},
      {"kafka_dlt-exception-stacktrace", ""},
      {"__connect.errors.topic", "orders"},
      {"__connect.errors.partition", "258"},
      {"__connect.errors.offset", "1099511627783"},
      {"__connect.errors.connector.name", "app"},
      {"__connect.errors.task.id", "258"},
      {"__connect.errors.stage", "VALUE_CONVERTER"},
      {"__connect.errors.class.name", "customer"},
      {"__connect.errors.exception.class.name", "DATA_LOSS"},
      {"__connect.errors.exception.message", "b\xc3\xbcg"},
      {"__connect.errors.exception.stacktrace", ""}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(FindHeader(out.headers, "once.node"), OptionalBytes("customer"));
  for (const auto& [name, value] : expected) EXPECT_TRUE(IsLetterHeader(name)) << name;
}

TEST(DeadLetterTest, R6OnlyTheFamiliesThatAreAskedForAreWritten) {
  Arena arena;
  const DeadLetter letter{.reason = "INTERNAL", .message = "m", .application = "app", .aggregate = ""};
  const auto families = [&](const LetterFamilies& asked) {
    std::set<std::string> found;
    const OutputRecord out =
        MakeDeadLetter(RecordView(), "orders", letter, {.max_bytes = 100'000, .families = asked}, &arena);
    for (const HeaderView& header : out.headers) {
      found.insert(std::string(header.name.substr(0, header.name.find_first_of(".-", 3))));
    }
    return found;
  };
  EXPECT_EQ(families({.kafka_streams = false}), (std::set<std::string>{"once"}));
  EXPECT_EQ(families({}), (std::set<std::string>{"once", "__streams"}));
  EXPECT_EQ(families({.kafka_streams = false, .spring = true}), (std::set<std::string>{"once", "kafka_dlt"}));
  EXPECT_EQ(families({.kafka_streams = false, .connect = true}), (std::set<std::string>{"once", "__connect"}));
}

// Four times the longest message, and the letter keeps within its topic's limit, with the event's value first.
TEST(DeadLetterTest, X3AllFamiliesCountAgainstTheLimit) {
  Arena arena;
  const std::string value(5'000, 'v');
  RecordView record;
  record.key = "alice";
  record.value = value;
  const std::vector<HeaderView> headers = {{"trace", std::string_view("t")}};
  record.headers = headers;
  const DeadLetter letter{.reason = "INTERNAL", .message = value, .application = "app", .aggregate = "alice"};
  for (const size_t limit : {30'000, 22'000, 10'000, 3'000, 300}) {
    const DeadLetterLimits limits{.max_bytes = limit, .families = {.spring = true, .connect = true}};
    const OutputRecord out = MakeDeadLetter(record, "orders", letter, limits, &arena);
    EXPECT_LE(EstimatedSize(out), limit);
    EXPECT_EQ(FindHeader(out.headers, "kafka_dlt-exception-message").has_value(), limit > 22'000);
    EXPECT_EQ(out.value.has_value(), limit >= 10'000);
    EXPECT_EQ(FindHeader(out.headers, "trace").has_value(), limit >= 10'000);
  }
}

// An event from the dead letters of a connector keeps what that said of it, unless ours says the same.
TEST(DeadLetterTest, R6WhatAnotherFrameworkSaidStays) {
  Arena arena;
  std::vector<HeaderView> headers = {{"__connect.errors.topic", std::string_view("theirs")}};
  RecordView record;
  record.headers = headers;
  const DeadLetter letter{.reason = "INTERNAL", .message = "m", .application = "app", .aggregate = ""};
  const auto topics = [&](const LetterFamilies& families) {
    std::vector<std::string> found;
    const OutputRecord out =
        MakeDeadLetter(record, "orders", letter, {.max_bytes = 100'000, .families = families}, &arena);
    for (const HeaderView& header : out.headers) {
      if (header.name == "__connect.errors.topic") found.emplace_back(header.value.value());
    }
    return found;
  };
  EXPECT_EQ(topics({}), (std::vector<std::string>{"theirs"}));
  EXPECT_EQ(topics({.connect = true}), (std::vector<std::string>{"orders"}));
  // Of a letter of ours that comes back they are ours, whatever is asked for by now.
  headers.push_back({"once.disposition", std::string_view("FAILED")});
  headers.push_back({"once.origin", std::string_view("orders-0-7")});
  record.headers = headers;
  EXPECT_TRUE(topics({}).empty());
}

TEST(LetterFamiliesTest, AreNamedInAList) {
  const absl::StatusOr<LetterFamilies> two = ParseLetterFamilies("once, connect");
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_FALSE(two->kafka_streams);
  EXPECT_FALSE(two->spring);
  EXPECT_TRUE(two->connect);
  EXPECT_FALSE(ParseLetterFamilies("once")->kafka_streams);
  EXPECT_TRUE(ParseLetterFamilies("spring,once,kafka_streams")->spring);
  for (const std::string_view wrong : {"", "spring", "once,", "once,Spring", "once;spring"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseLetterFamilies(wrong).status())) << wrong;
  }
}

TEST(DeadLetterTest, TextIsCutBetweenItsCharacters) {
  EXPECT_EQ(CutUtf8("gr\xc3\xbc\xc3\x9f", 3), "gr");
  EXPECT_EQ(CutUtf8("gr\xc3\xbc\xc3\x9f", 4), "gr\xc3\xbc");
  EXPECT_EQ(CutUtf8("short", 10), "short");
  EXPECT_EQ(CutUtf8("\xf0\x9f\x98\x80", 3), "");
  EXPECT_EQ(CutUtf8(std::string(10, '\x80'), 5).size(), 5u) << "no text: cut where it was to be";
}

}  // namespace
}  // namespace once
