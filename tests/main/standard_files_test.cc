// A process that was started without standard descriptors, as with `program >&-`.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "processor/main.h"
#include "processor/topology.h"

namespace once {
namespace {

absl::StatusOr<Topology> Copy(const Config&) {
  TopologyBuilder builder("copy-app");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<Bytes>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(out).OnAny(in, [out](const Bytes&, auto& event) {
    event.Forward(out);
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

int NextDescriptorAfterMain() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) close(descriptor);
  std::string program = "copy-app", version = "--version";
  char* argv[] = {program.data(), version.data()};
  Main(2, argv, Copy);
  return open("/dev/zero", O_RDONLY);
}

// What is opened later, a file of the state or the pipe of the signals, must not be where prints go.
TEST(StandardFilesDeathTest, X3WhatIsMissingIsOpenedOnNothing) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(_exit(NextDescriptorAfterMain() > STDERR_FILENO ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace once
