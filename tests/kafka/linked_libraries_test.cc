// A program finds by itself the librdkafka that it was built with, wherever that is, and has the allocator that its
// build says.
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace once {
namespace {

using ::testing::HasSubstr;

// What the program says of itself, with nothing in its environment.
std::string Version() {
  FILE* const output = popen("env -i examples/order_totals/order_totals --version 2>&1", "r");
  if (output == nullptr) return "";
  std::string text;
  char buffer[256];
  while (fgets(buffer, sizeof(buffer), output) != nullptr) text += buffer;
  EXPECT_EQ(pclose(output), 0) << text;
  return text;
}

TEST(LinkedLibrariesTest, LibrdkafkaIsTheOneWhoseHeadersWereCompiled) {
  constexpr int kHeaders = RD_KAFKA_VERSION;
  const std::string expected =
      absl::StrFormat("librdkafka %d.%d.%d,", kHeaders >> 24, (kHeaders >> 16) & 0xff, (kHeaders >> 8) & 0xff);
  EXPECT_THAT(Version(), HasSubstr(expected));
}

TEST(LinkedLibrariesTest, TheAllocatorIsTheBuilds) {
#ifdef ONCE_SYSTEM_ALLOCATOR
  EXPECT_THAT(Version(), HasSubstr(", glibc malloc\n"));
#else
  EXPECT_THAT(Version(), HasSubstr(", tcmalloc ("));
#endif
}

}  // namespace
}  // namespace once
