#include "state/changelog.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "state/checkpoint_store.h"

namespace once {
namespace {

using std::string_literals::operator""s;

TEST(ChangelogTest, KeysHaveTheirDocumentedBytes) {
  EXPECT_EQ(StateKeyPrefix("customer") + "alice", "\x01\x08"s + "customeralice");
  EXPECT_EQ(AggregateStatusKey("alice"), "\x02"s + "alice");
  EXPECT_EQ(ParkedEventKey("alice", 258), "\x03\x05"s + "alice" + "\0\0\0\0\0\0\1\2"s);
  EXPECT_EQ(QueuedEventKey(AggregateStatusKey("alice"), 258), ParkedEventKey("alice", 258));
  const std::string place = "orders" + "\0\0\0\0\0\0\0\7"s;
  EXPECT_EQ(KeylessStatusKey("orders", 7), "\x06"s + place);
  EXPECT_EQ(QueuedEventKey(KeylessStatusKey("orders", 7), 258), "\x07\x0e"s + place + "\0\0\0\0\0\0\1\2"s);
  EXPECT_EQ(EventIdsKey(1, 2), "\x04"s + "\0\0\0\0\0\0\0\1"s + "\0\0\0\0\0\0\0\2"s);
  EXPECT_EQ(FrontierKey(), "\x05"s);
  EXPECT_EQ(ControlKey(ControlKind::kDone, SequenceName(258)), "\x08"s + "d" + "\0\0\0\0\0\0\1\2"s);
  EXPECT_EQ(ControlKey(ControlKind::kNever, "1a"), "\x08"s + "n1a");
  EXPECT_EQ(ControlKey(ControlKind::kPaused, ""), "\x08"s + "p");
  EXPECT_EQ(StateKeyPrefix(std::string(300, 's')).substr(0, 3), "\x01\xac\x02"s);
}

TEST(ChangelogTest, ParseTakesApartWhatWasBuilt) {
  for (const std::string& record_key : {""s, "alice"s, "\0\xff\x80"s, std::string(300, 'k')}) {
    const std::string store(record_key.size(), 's');
    const std::string state_key = StateKeyPrefix(store) + record_key;
    auto key = ParseChangelogKey(state_key);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->kind, ChangelogKind::kState);
    EXPECT_EQ(key->store, store);
    EXPECT_EQ(key->record_key, record_key);

    const std::string status_key = AggregateStatusKey(record_key);
    key = ParseChangelogKey(status_key);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->kind, ChangelogKind::kAggregateStatus);
    EXPECT_EQ(key->record_key, record_key);

    const std::string parked_key = ParkedEventKey(record_key, 0x0102030405060708);
    key = ParseChangelogKey(parked_key);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->kind, ChangelogKind::kParkedEvent);
    EXPECT_EQ(key->record_key, record_key);
    EXPECT_EQ(key->sequence, 0x0102030405060708u);
  }
  const auto ids = ParseChangelogKey(EventIdsKey(7, UINT64_MAX));
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(ids->kind, ChangelogKind::kEventIds);
  EXPECT_EQ(ids->bucket, 7u);
  EXPECT_EQ(ids->sequence, UINT64_MAX);

  const auto under_way = ParseChangelogKey(ControlKey(ControlKind::kUnderWay, SequenceName(9)));
  ASSERT_TRUE(under_way.ok()) << under_way.status();
  EXPECT_EQ(under_way->kind, ChangelogKind::kControl);
  EXPECT_EQ(under_way->control, ControlKind::kUnderWay);
  EXPECT_EQ(under_way->sequence, 9u);

  const auto frontier = ParseChangelogKey(FrontierKey());
  ASSERT_TRUE(frontier.ok()) << frontier.status();
  EXPECT_EQ(frontier->kind, ChangelogKind::kFrontier);
}

TEST(ChangelogTest, ForeignKeysAreDataLoss) {
  const std::vector<std::string> foreign = {
      "",
      "\0"s,
      "\x08"s,
      "\x08"s + "x",
      "\x08"s + "n",  // no rule
      "\x08"s + "pp",
      "\x08"s + "d1234567",  // sequence cut off
      "\x09"s,
      "hello",
      "\x01"s,                                          // no length
      "\x01\x05"s + "abc",                              // store cut off
      "\x01\x80"s,                                      // length cut off
      "\x01\x81\x00"s + "a",                            // length not in its shortest form
      "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // length out of range
      "\x03\x01"s + "a" + "\0\0\0\0\0\0\0"s,            // sequence cut off
      "\x03\x01"s + "a" + "\0\0\0\0\0\0\0\0\0"s,        // a byte too many
      "\x04"s + std::string(15, '\0'),
      "\x04"s + std::string(17, '\0'),
      "\x05\x00"s,
  };
  for (const std::string& key : foreign) {
    EXPECT_EQ(ParseChangelogKey(key).status().code(), absl::StatusCode::kDataLoss) << testing::PrintToString(key);
  }
}

TEST(ChangelogTest, ParkedEventsOfOneKeySortBySequenceAndApartFromOthers) {
  EXPECT_LT(ParkedEventKey("a", 255), ParkedEventKey("a", 256));
  EXPECT_EQ(ParkedEventKey("a", 1).rfind(ParkedEventKeyPrefix("a"), 0), 0u);
  // Without the length, the prefix of "a" would be one of "ab" too.
  EXPECT_NE(ParkedEventKey("ab", 1).rfind(ParkedEventKeyPrefix("a"), 0), 0u);
}

TEST(TaskPrefixTest, IsTwelveBytesAndDiffersByGroupAndPartition) {
  const std::string prefix = TaskPrefix("orders", Partition(258));
  EXPECT_EQ(prefix.size(), 12u);
  EXPECT_EQ(prefix.substr(8), "\0\0\1\2"s);
  EXPECT_EQ(prefix.substr(0, 8), TaskPrefix("orders", Partition(0)).substr(0, 8));
  EXPECT_NE(prefix.substr(0, 8), TaskPrefix("payments", Partition(258)).substr(0, 8));
  // On disk for good: another hash would orphan every checkpoint. XXH3_64bits of no bytes, from its reference.
  EXPECT_EQ(TaskPrefix("", Partition(0)).substr(0, 8), "\x2d\x06\x80\x05\x38\xd3\x94\xc2"s);
}

}  // namespace
}  // namespace once
