#include "processor/config/java_properties.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace once {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

std::vector<std::pair<std::string, std::string>> Parsed(std::string_view text) {
  const PropertiesFile file = ParseJavaProperties("f", text);
  EXPECT_THAT(file.errors, IsEmpty());
  std::vector<std::pair<std::string, std::string>> entries;
  for (const PropertiesFile::Entry& entry : file.entries) entries.emplace_back(entry.key, entry.value);
  return entries;
}

TEST(JavaPropertiesTest, TheKeyEndsAtTheFirstOfThreeSeparators) {
  EXPECT_THAT(
      Parsed("a=1\nb:2\nc 3\n  d = 4\ne : 5\nf\t6\ng==7\nh=:8\ni : = 9\nj\nk="),
      ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4"), Pair("e", "5"), Pair("f", "6"),
                  Pair("g", "=7"), Pair("h", ":8"), Pair("i", "= 9"), Pair("j", ""), Pair("k", "")));
}

TEST(JavaPropertiesTest, CommentsAndEmptyLinesAreNothing) {
  EXPECT_THAT(Parsed("# a=1\n ! b=2\\\nc=3 # no comment\n\n \t\f\n"), ElementsAre(Pair("c", "3 # no comment")));
  EXPECT_THAT(Parsed(""), IsEmpty());
  EXPECT_THAT(Parsed("\\"), IsEmpty());
}

TEST(JavaPropertiesTest, ALineGoesOnAfterAnOddNumberOfBackslashes) {
  EXPECT_THAT(Parsed("a=1,\\\n   2,\\\r\n\t3\nb=x\\\\\nc=y\\\\\\\nz\nd=end\\"),
              ElementsAre(Pair("a", "1,2,3"), Pair("b", "x\\"), Pair("c", "y\\z"), Pair("d", "end")));
  // It is no comment there.
  EXPECT_THAT(Parsed("a=1\\\n#2\\\n\nb=3"), ElementsAre(Pair("a", "1#2"), Pair("b", "3")));
  EXPECT_THAT(Parsed("a\\\nb=1\rc=2\r\nd=3"), ElementsAre(Pair("ab", "1"), Pair("c", "2"), Pair("d", "3")));
}

TEST(JavaPropertiesTest, EscapesAreJavas) {
  EXPECT_THAT(Parsed("a=x\\t|\\n|\\r|\\f|\\\\|\\=|\\:|\\ |\\q|\\\"x"),
              ElementsAre(Pair("a", "x\t|\n|\r|\f|\\|=|:| |q|\"x")));
  EXPECT_THAT(Parsed("a=\\u0041\\u00fc\\u20AC\\ud83d\\ude00"),
              ElementsAre(Pair("a", "A\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80")));
  EXPECT_THAT(Parsed("\\u0061.b=1"), ElementsAre(Pair("a.b", "1")));
  // Latin-1.
  EXPECT_THAT(Parsed("a=\xFC"), ElementsAre(Pair("a", "\xC3\xBC")));
}

TEST(JavaPropertiesTest, LinesAreCountedAsTheyStand) {
  const PropertiesFile file = ParseJavaProperties("f", "# x\na=1\\\n 2\n\nb=3\n");
  ASSERT_EQ(file.entries.size(), 2u);
  EXPECT_EQ(file.entries[0].line, 2);
  EXPECT_EQ(file.entries[1].line, 5);
}

TEST(JavaPropertiesTest, X10MistakesAreToldWithoutTheirText) {
  for (const std::string text :
       {"a=\\u12", "a=\\ud83d", "a=\\ude00", "a=canary\\uzzzz", "=canary", "can\\ ary=1", "a=1\na=canary"}) {
    const PropertiesFile file = ParseJavaProperties("f", text);
    EXPECT_THAT(file.errors, ElementsAre(AllOf(HasSubstr("f:"), Not(HasSubstr("canary")), Not(HasSubstr("can ary")))))
        << text;
  }
}

}  // namespace
}  // namespace once
