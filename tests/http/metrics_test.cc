// The exposition, and that docs/metrics.md explains all of it.
#include "processor/http/metrics.h"

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/http/sample.h"

namespace once::http {
namespace {

using testing::HasSubstr;

// By name: its type, then the labels of its series.
using Families = std::map<std::string, std::pair<std::string, std::set<std::string>>>;

// The name of a series' family, without what a histogram adds.
std::string FamilyOf(const std::string& series, const Families& families) {
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    const std::string family(absl::StripSuffix(series, suffix));
    if (family != series && families.contains(family)) return family;
  }
  return series;
}

Families Parse(const std::string& text) {
  Families families;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n', absl::SkipEmpty()))) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (line.starts_with("# TYPE ")) {
      EXPECT_FALSE(families.contains(words[2])) << words[2] << " is there twice";
      families[words[2]].first = words[3];
    }
    if (line.front() == '#') continue;
    const std::string series = line.substr(0, line.find_first_of("{ "));
    const std::string family = FamilyOf(series, families);
    EXPECT_TRUE(families.contains(family)) << line;
    const size_t open = line.find('{');
    if (open == std::string::npos) continue;
    const std::string labels = line.substr(open + 1, line.find('}') - open - 1);
    for (const std::string& label : std::vector<std::string>(absl::StrSplit(labels, ',', absl::SkipEmpty()))) {
      const std::string name = label.substr(0, label.find('='));
      if (name != "le") families[family].second.insert(name);
    }
  }
  return families;
}

Families Documented() {
  std::ifstream file("docs/metrics.md");
  EXPECT_TRUE(file.is_open());
  Families families;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `once_")) continue;
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    EXPECT_EQ(cells.size(), 7u) << line;
    const std::vector<std::string> name = absl::StrSplit(cells[1], '`');
    auto& [type, labels] = families[name[1]];
    type = std::string(absl::StripAsciiWhitespace(cells[2]));
    const std::vector<std::string> parts = absl::StrSplit(cells[3], '`');
    for (size_t i = 1; i < parts.size(); i += 2) labels.insert(parts[i]);
  }
  return families;
}

TEST(MetricsTest, TheDocumentHasEachWithItsTypeAndLabels) {
  const Families exposed = Parse(MetricsText(SamplePod()));
  const Families documented = Documented();
  EXPECT_GT(documented.size(), 30u);
  for (const auto& [name, about] : exposed) {
    ASSERT_TRUE(documented.contains(name)) << name << " is not in docs/metrics.md";
    EXPECT_EQ(documented.at(name), about) << name;
  }
  for (const auto& each : documented) EXPECT_TRUE(exposed.contains(each.first)) << each.first << " is not exposed";
}

TEST(MetricsTest, NamesAreByTheConventions) {
  for (const auto& [name, about] : Parse(MetricsText(SamplePod()))) {
    EXPECT_EQ(name.ends_with("_total"), about.first == "counter") << name;
    EXPECT_FALSE(absl::StrContains(name, "_ms")) << name << ": seconds";
  }
}

TEST(MetricsTest, FiguresAreThoseOfTheStatus) {
  const std::string text = MetricsText(SamplePod());
  for (const char* line :
       {"once_events_total{worker=\"0\",outcome=\"processed\"} 1000\n",
        "once_duplicates_total{worker=\"0\",kind=\"event\"} 4\n",
        "once_duplicates_total{worker=\"0\",kind=\"notice\"} 3\n",
        "once_dead_letters_total{worker=\"0\",disposition=\"failed\",reason=\"invalid_argument\"} 1\n",
        "once_commits_total{worker=\"0\"} 12\n", "once_aborts_total{worker=\"0\",cause=\"fenced\"} 1\n",
        "once_commit_duration_seconds_bucket{worker=\"0\",le=\"0.01\"} 0\n",
        "once_commit_duration_seconds_bucket{worker=\"0\",le=\"0.025\"} 1\n",
        "once_commit_duration_seconds_bucket{worker=\"0\",le=\"+Inf\"} 1\n",
        "once_commit_duration_seconds_count{worker=\"0\"} 1\n", "once_tasks{worker=\"0\",phase=\"running\"} 1\n",
        "once_lag_events{topic=\"orders\",partition=\"0\"} 30\n", "once_ready 1\n", "once_live 1\n",
        "once_memory_bytes{worker=\"0\",part=\"clean_state\"} 1048576\n", "once_resident_memory_bytes 536870912\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, ClientsAreToldByWorkerClientAndBroker) {
  const std::string text = MetricsText(SamplePod());
  for (const char* line :
       {"once_client_brokers{worker=\"0\",client=\"producer\",state=\"up\"} 1\n",
        "once_client_brokers{worker=\"0\",client=\"consumer\",state=\"down\"} 1\n",
        "once_client_brokers{worker=\"0\",client=\"consumer\",state=\"idle\"} 1\n",
        "once_client_broker_up{worker=\"0\",client=\"producer\",broker=\"1\"} 1\n",
        "once_client_broker_up{worker=\"0\",client=\"producer\",broker=\"2\"} 0\n",
        "once_client_timeouts_total{worker=\"0\",client=\"consumer\",broker=\"1\"} 2\n",
        "once_client_round_trip_p99_seconds{worker=\"0\",client=\"consumer\",broker=\"1\"} 0.008\n",
        "once_client_throttle_longest_seconds{worker=\"0\",client=\"producer\",broker=\"1\"} 0.25\n",
        "once_client_queued_records{worker=\"0\"} 5\n", "once_client_fetched_records{worker=\"0\"} 7\n",
        "once_client_rebalances_total{worker=\"0\"} 3\n",
        "once_client_statistics_age_seconds{worker=\"0\",client=\"producer\"} 4.1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  // What was never asked anything has nothing to say, and clusters are large.
  EXPECT_THAT(text, testing::Not(HasSubstr("broker=\"3\"")));
  // Nor has one that has not answered.
  EXPECT_THAT(text, testing::Not(HasSubstr("round_trip_p99_seconds{worker=\"0\",client=\"consumer\",broker=\"2\"")));
}

TEST(MetricsTest, ClientsThatHaveSaidNothingAreLeftOut) {
  PodStatus pod = SamplePod();
  auto worker = std::make_shared<WorkerStatus>(*pod.workers[0]);
  worker->producer = nullptr;
  worker->consumer = nullptr;
  pod.workers[0] = worker;
  EXPECT_THAT(MetricsText(pod), testing::Not(HasSubstr("once_client_brokers{")));
}

// Of what stands still nobody knows how old it is: that is not the same as that nothing waits.
TEST(MetricsTest, LagInSecondsIsZeroOnlyWhereNothingWaits) {
  TaskStatus idle = SampleTask(1, TaskPhaseStatus::kRunning);
  idle.behind.reset();
  idle.inputs[0].next_offset = *idle.inputs[0].end_offset;
  TaskStatus paused = SampleTask(2, TaskPhaseStatus::kPaused);
  paused.behind.reset();
  TaskStatus unknown = SampleTask(3, TaskPhaseStatus::kFailed);
  unknown.behind.reset();
  unknown.inputs[0].end_offset.reset();
  const std::string text = MetricsText(SamplePod({idle, paused, unknown}));
  EXPECT_THAT(text, HasSubstr("once_lag_seconds{group=\"orders\",partition=\"0\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("once_lag_seconds{group=\"orders\",partition=\"1\"} 0\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("once_lag_seconds{group=\"orders\",partition=\"2\"}")));
  EXPECT_THAT(text, testing::Not(HasSubstr("once_lag_seconds{group=\"orders\",partition=\"3\"}")));
}

// However many tasks there are, a scrape is a matter of milliseconds, and each task costs the same few lines.
TEST(MetricsTest, AThousandTasks) {
  std::vector<TaskStatus> tasks;
  for (int i = 1; i < 1000; ++i) tasks.push_back(SampleTask(i, TaskPhaseStatus::kRunning));
  const PodStatus pod = SamplePod(std::move(tasks));
  const absl::Time began = absl::Now();
  const std::string text = MetricsText(pod);
  const double took_ms = absl::ToDoubleMilliseconds(absl::Now() - began);
  RecordProperty("scrape_microseconds", static_cast<int>(took_ms * 1e3));
  std::printf("a scrape of 1,000 tasks: %.1f ms, %zu bytes\n", took_ms, text.size());
  EXPECT_LT(text.size(), 2'000'000u);
  EXPECT_THAT(text, HasSubstr("once_lag_events{topic=\"orders\",partition=\"999\"} 30\n"));
}

TEST(LatencyCountsTest, BoundsBelongToTheirBuckets) {
  LatencyCounts counts;
  counts.Count(-1);
  counts.Count(0.001);
  counts.Count(0.0011);
  counts.Count(1e9);
  EXPECT_EQ(counts.count(0), 2);
  EXPECT_EQ(counts.count(1), 1);
  EXPECT_EQ(counts.count(LatencyCounts::kBounds.size()), 1);
  EXPECT_DOUBLE_EQ(counts.sum(), 0.0021 + 1e9);
}

}  // namespace
}  // namespace once::http
