// What Application::Create refuses before it looks for brokers or opens anything.
#include "processor/application.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace once {
namespace {

using ::testing::HasSubstr;

TEST(ApplicationTest, X8AnApplicationIdThatMakesAnInternalTopicOfTheTopologysIsRefused) {
  TopologyBuilder builder("app");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<Bytes>("out", {.topic = "mine-in-changelog"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(out).OnAny(in, [](const Bytes&, auto&) { return absl::OkStatus(); });
  const absl::StatusOr<Topology> topology = std::move(builder).Build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  Options options;
  options.application_id = "mine";
  options.state_dir = ::testing::TempDir() + "/state";
  NullLogSink log;
  ApplicationDeps deps;
  deps.log = &log;
  const absl::Status refused = Application::Create(options, *topology, deps).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("does not fit application_id \"mine\""));
}

}  // namespace
}  // namespace once
