#include "state/event_id_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace once {
namespace {

using Tag = EventIdTable::Tag;

EventIdHash Id(uint64_t n) { return {.high = n, .low = n * 7}; }

// Spread as real hashes are.
EventIdHash HashedId(uint64_t n) { return HashEventId("topic", "source", std::to_string(n), 0); }

TEST(EventIdTableTest, InsertFindsWhatIsThere) {
  EventIdTable table;
  const Tag a = table.NewTag();
  const Tag b = table.NewTag();
  EXPECT_NE(a, b);
  EXPECT_EQ(table.Insert(Id(1), a), 0);
  EXPECT_EQ(table.Insert(Id(1), b), a);
  EXPECT_EQ(table.Find(Id(1)), a);
  EXPECT_EQ(table.Find(Id(2)), 0);
  EXPECT_EQ(table.size(), 1);
  EXPECT_EQ(table.count(a), 1);
  EXPECT_EQ(table.count(b), 0);
}

TEST(EventIdTableTest, IdsThatShareHalfTheirBitsDiffer) {
  EventIdTable table;
  const Tag tag = table.NewTag();
  EXPECT_EQ(table.Insert({.high = 1, .low = 2}, tag), 0);
  EXPECT_EQ(table.Insert({.high = 1, .low = 3}, tag), 0);
  EXPECT_EQ(table.Insert({.high = 2, .low = 2}, tag), 0);
  EXPECT_EQ(table.Insert({.high = 2, .low = 1}, tag), 0);
  EXPECT_EQ(table.size(), 4);
}

TEST(EventIdTableTest, AllZeroesIsAnIdToo) {
  EventIdTable table;
  const Tag tag = table.NewTag();
  EXPECT_EQ(table.Find({}), 0);
  EXPECT_EQ(table.Insert({}, tag), 0);
  EXPECT_EQ(table.Insert({}, tag), tag);
  table.Erase({});
  EXPECT_EQ(table.Find({}), 0);
  EXPECT_EQ(table.size(), 0);
}

TEST(EventIdTableTest, ForgottenIdsCanComeAgain) {
  EventIdTable table;
  const Tag a = table.NewTag();
  for (uint64_t i = 0; i < 1000; ++i) table.Insert(Id(i), a);
  table.Forget(a);
  EXPECT_EQ(table.size(), 0);
  const Tag b = table.NewTag();
  EXPECT_EQ(table.Find(Id(5)), 0);
  EXPECT_EQ(table.Insert(Id(5), b), 0);
  EXPECT_EQ(table.Find(Id(5)), b);
  EXPECT_EQ(table.size(), 1);
}

TEST(EventIdTableTest, RenumberKeepsTheLiveOnes) {
  EventIdTable table;
  std::vector<Tag> tags;
  for (uint64_t i = 0; !table.ShouldRenumber(); ++i) {
    tags.push_back(table.NewTag());
    table.Insert(HashedId(i), tags.back());
  }
  for (size_t i = 0; i < tags.size(); ++i) {
    if (i % 100 != 0) table.Forget(tags[i]);
  }
  const std::vector<Tag> renumbered = table.Renumber();
  EXPECT_FALSE(table.ShouldRenumber());
  EXPECT_EQ(table.size(), static_cast<int64_t>((tags.size() + 99) / 100));
  for (size_t i = 0; i < tags.size(); ++i) {
    EXPECT_EQ(table.Find(HashedId(i)), renumbered[tags[i]]);
    EXPECT_EQ(renumbered[tags[i]] != 0, i % 100 == 0);
  }
}

TEST(EventIdTableTest, MemoryIsStatedAndBounded) {
  EventIdTable table;
  const Tag tag = table.NewTag();
  constexpr int64_t kIds = 1'000'000;
  for (int64_t i = 0; i < kIds; ++i) {
    table.Insert(HashedId(static_cast<uint64_t>(i)), tag);
    if (i >= 200'000 && i % 10'000 == 0) {
      ASSERT_LT(table.memory_bytes(), static_cast<size_t>(28 * i)) << i;
    }
  }
}

TEST(EventIdTableTest, ChurnDoesNotGrowIt) {
  EventIdTable table;
  constexpr uint64_t kIdsPerTag = 20'000;
  std::vector<Tag> tags;
  size_t settled_bytes = 0;
  for (uint64_t round = 0; round < 100; ++round) {
    tags.push_back(table.NewTag());
    for (uint64_t i = 0; i < kIdsPerTag; ++i) table.Insert(HashedId(round * kIdsPerTag + i), tags.back());
    if (round >= 10) table.Forget(tags[round - 10]);
    if (round == 30) settled_bytes = table.memory_bytes();
    if (round > 30) {
      ASSERT_LT(table.memory_bytes(), settled_bytes * 11 / 10);
    }
  }
  EXPECT_EQ(table.size(), static_cast<int64_t>(10 * kIdsPerTag));
}

TEST(EventIdTableTest, X7ShrinkGivesBackWhatForgottenIdsTook) {
  EventIdTable table;
  const Tag forgotten = table.NewTag();
  const Tag kept = table.NewTag();
  for (uint64_t i = 0; i < 200'000; ++i) table.Insert(HashedId(i), i % 10 == 0 ? kept : forgotten);
  const size_t before = table.memory_bytes();
  table.Shrink();
  EXPECT_EQ(table.memory_bytes(), before);
  table.Forget(forgotten);
  table.Shrink();
  EXPECT_LT(table.memory_bytes(), before / 5);
  EXPECT_EQ(table.size(), 20'000);
  for (uint64_t i = 0; i < 200'000; ++i) ASSERT_EQ(table.Find(HashedId(i)), i % 10 == 0 ? kept : 0) << i;
  // It grows as before.
  for (uint64_t i = 0; i < 200'000; ++i) ASSERT_EQ(table.Insert(HashedId(i), kept) == kept, i % 10 == 0) << i;
  EXPECT_LT(table.memory_bytes(), before * 11 / 10);
  table.Forget(kept);
  table.Shrink();
  EXPECT_LT(table.memory_bytes(), 10'000);
  EXPECT_EQ(table.Insert(HashedId(1), table.NewTag()), 0);
}

TEST(EventIdTableTest, ErasedIdsTakeNoSpace) {
  EventIdTable table;
  const Tag tag = table.NewTag();
  for (uint64_t i = 0; i < 1000; ++i) table.Insert(HashedId(i), tag);
  const size_t bytes = table.memory_bytes();
  for (uint64_t i = 1000; i < 50'000; ++i) {
    table.Insert(HashedId(i), tag);
    table.Erase(HashedId(i));
  }
  EXPECT_EQ(table.size(), 1000);
  EXPECT_LE(table.memory_bytes(), bytes * 3 / 2);
}

TEST(EventIdTableTest, AgreesWithAMap) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    EventIdTable table;
    std::unordered_map<uint64_t, Tag> model;
    std::vector<Tag> live;
    const uint32_t universe = seed % 2 == 0 ? 300 : 20'000;
    for (int step = 0; step < 40'000; ++step) {
      const uint64_t n = random() % universe;
      const EventIdHash id = seed % 3 == 0 ? Id(n) : HashedId(n);
      if (live.empty() || step % 2000 == 0) live.push_back(table.NewTag());
      const Tag tag = live[random() % live.size()];
      const Tag known = model.contains(n) ? model[n] : Tag{0};
      switch (random() % 8) {
        case 0:
          table.Erase(id);
          model.erase(n);
          break;
        case 1:
          if (known == 0) break;
          table.Retag(id, tag);
          model[n] = tag;
          break;
        case 2:
          if (random() % 500 != 0) break;
          table.Forget(tag);
          std::erase(live, tag);
          std::erase_if(model, [&](const auto& entry) { return entry.second == tag; });
          break;
        case 3:
          if (random() % 2000 != 0) break;
          {
            const std::vector<Tag> renumbered = table.Renumber();
            for (Tag& renamed : live) renamed = renumbered[renamed];
            for (auto& [key, renamed] : model) renamed = renumbered[renamed];
          }
          break;
        default:
          ASSERT_EQ(table.Insert(id, tag), known) << "seed " << seed << " step " << step;
          if (known == 0) model[n] = tag;
      }
      ASSERT_EQ(table.size(), static_cast<int64_t>(model.size()));
    }
    for (uint64_t n = 0; n < universe; ++n) {
      const EventIdHash id = seed % 3 == 0 ? Id(n) : HashedId(n);
      ASSERT_EQ(table.Find(id), model.contains(n) ? model[n] : Tag{0});
    }
  }
}

TEST(HashEventIdTest, PartsAreKeptApart) {
  const EventIdHash hash = HashEventId("topic", "source", "id", 1);
  EXPECT_EQ(hash, HashEventId("topic", "source", "id", 1));
  EXPECT_NE(hash, HashEventId("topic", "source", "id", 2));
  EXPECT_NE(hash, HashEventId("topic", "sourcei", "d", 1));
  EXPECT_NE(hash, HashEventId("topics", "ource", "id", 1));
  EXPECT_NE(HashEventId("", "", "", 0), EventIdHash());
  const std::string large(10'000, 'x');
  EXPECT_NE(HashEventId("t", large, large, 0), HashEventId("t", large, large + "x", 0));
}

}  // namespace
}  // namespace once
