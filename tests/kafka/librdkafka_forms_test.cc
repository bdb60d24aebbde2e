// What of the adapter needs no client either: forms and versions of librdkafka's.
#include <ios>
#include <string>

#include "gtest/gtest.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/metadata.h"

namespace once::kafka {
namespace {

TEST(GroupMetadataTest, ParsesLibrdkafkasForm) {
  const std::string generation("\x07\x00\x00\x00", 4);
  const std::string nul(1, '\0');
  const GroupMetadata group = ParseGroupMetadata("CGMDv2:" + generation + "group" + nul + "member-1" + nul + "\x01");
  EXPECT_EQ(group.generation, 7);
  EXPECT_EQ(group.member_id, "member-1");
}

TEST(GroupMetadataTest, AnotherFormIsNoMember) {
  const std::string generation("\x07\x00\x00\x00", 4);
  const std::string nul(1, '\0');
  const std::string good = "CGMDv2:" + generation + "group" + nul + "member-1" + nul;
  EXPECT_EQ(ParseGroupMetadata(good).generation, 7);
  for (size_t size = 0; size < good.size(); ++size) {
    const GroupMetadata group = ParseGroupMetadata(good.substr(0, size));
    EXPECT_EQ(group.generation, -1) << size;
    EXPECT_EQ(group.member_id, "") << size;
  }
  EXPECT_EQ(ParseGroupMetadata("CGMDv3:" + good.substr(7)).generation, -1);
}

TEST(VersionTest, KnownBadVersionsAreNamed) {
  EXPECT_FALSE(LibrdkafkaVersion().empty());
  for (const int bad : {0x010900ff, 0x020200ff, 0x020300ff, 0x020400ff, 0x020500ff, 0x020a00ff}) {
    EXPECT_TRUE(KnownBadVersion(bad).has_value()) << std::hex << bad;
  }
  for (const int good : {0x020002ff, 0x020100ff, 0x020101ff, 0x020503ff, 0x020800ff, 0x020a01ff, 0x020f00ff}) {
    EXPECT_FALSE(KnownBadVersion(good).has_value()) << std::hex << good;
  }
}

}  // namespace
}  // namespace once::kafka
