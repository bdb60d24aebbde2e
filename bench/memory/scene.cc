#include "bench/memory/scene.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/memory/load.h"

namespace once::bench {
namespace {

constexpr absl::Duration kCall = absl::Seconds(60);
constexpr absl::Duration kLook = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<std::unique_ptr<Scene>> Scene::Make(const Settings& settings, const std::string& name,
                                                   int32_t partitions, kafka::Client* client) {
  std::unique_ptr<Scene> scene(
      new Scene(settings, absl::StrCat("memory-", name, "-", absl::ToUnixMillis(absl::Now())), partitions));
  absl::StatusOr<std::unique_ptr<kafka::Admin>> admin = client->NewAdmin();
  if (!admin.ok()) return admin.status();
  scene->admin_ = *std::move(admin);
  // Nobody reads the dead letters.
  const kafka::NewTopic topics[] = {
      {.name = scene->name_ + "-in", .partition_count = partitions},
      {.name = scene->name_ + "-dlq",
       .partition_count = std::min(partitions, 4),
       .settings = {
           {"retention.bytes", "100000000"}, {"segment.bytes", "50000000"}, {"file.delete.delay.ms", "1000"}}}};
  for (const kafka::NewTopic& topic : topics) {
    if (absl::Status made = scene->admin_->CreateTopic(topic, kCall); !made.ok()) return made;
  }
  return scene;
}

Scene::~Scene() {
  child_.reset();
  DeleteState().IgnoreError();
}

absl::Status Scene::DeleteState() {
  std::error_code error;
  std::filesystem::remove_all(absl::StrCat(settings_.work_dir, "/", name_, "-state"), error);
  return error ? absl::InternalError(error.message()) : absl::OkStatus();
}

void Scene::SetDisk(const std::string& state) const {
  const std::string path = absl::StrCat(settings_.work_dir, "/", name_, "-disk");
  if (state.empty()) {
    std::filesystem::remove(path);
    return;
  }
  std::ofstream(path + ".new") << state;
  std::filesystem::rename(path + ".new", path);
}

absl::Status Scene::Start(int64_t budget_mb, const std::vector<std::string>& flags) {
  budget_mb_ = budget_mb;
  const std::string base = absl::StrCat(settings_.work_dir, "/", name_);
  std::vector<std::string> arguments = {"serve", absl::StrCat("--name=", name_), "--instance_id=pod",
                                        absl::StrCat("--bootstrap_servers=", settings_.bootstrap_servers),
                                        absl::StrCat("--state_dir=", base, "-state"),
                                        absl::StrCat("--memory_bytes=", budget_mb, "MiB"),
                                        // What is blocked is what is asked for.
                                        "--breaker_min_failures=1000000000"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::vector<std::pair<std::string, std::string>> environment = {{"ONCE_BENCH_DISK", base + "-disk"}};
  if (!settings_.disk_shim.empty()) environment.emplace_back("LD_PRELOAD", settings_.disk_shim);
  child_ = std::make_unique<Child>(arguments, environment, absl::StrCat(base, "-", ++starts_, ".log"));
  began_ = absl::Now();
  return child_->Look();
}

absl::Status Scene::Load(int64_t events, const std::function<void(int64_t, Event*)>& make) {
  loaded_ += events;
  return bench::Load({.bootstrap_servers = settings_.bootstrap_servers,
                      .topic = name_ + "-in",
                      .events = events,
                      .make = make,
                      .meanwhile = [this] { return child_->Look(); }});
}

absl::StatusOr<int64_t> Scene::Processed() {
  std::vector<TopicPartition> inputs;
  for (int32_t i = 0; i < partitions_; ++i) inputs.push_back({name_ + "-in", Partition(i)});
  int64_t sum = 0;
  for (const auto& [where, offset] : admin_->ReadCommittedOffsets(name_, inputs, kCall)) {
    // A pending transaction hides what is there.
    if (!offset.ok()) return offset.status();
    if (offset->has_value()) sum += (*offset)->value();
  }
  return sum;
}

absl::Status Scene::AwaitRunning() {
  while (child_->CountInLog(" runs from offset ") < partitions_) {
    if (absl::Status runs = child_->Look(); !runs.ok()) return runs;
    absl::SleepFor(kLook);
  }
  return absl::OkStatus();
}

absl::Status Scene::AwaitProcessed() {
  while (true) {
    if (absl::Status runs = child_->Look(); !runs.ok()) return runs;
    const absl::StatusOr<int64_t> processed = Processed();
    if (processed.ok() && *processed >= loaded_) return absl::OkStatus();
    absl::SleepFor(kLook);
  }
}

absl::Status Scene::AwaitStandstill(absl::Duration lasting) {
  int64_t last = -1;
  absl::Time since = absl::Now();
  while (absl::Now() - since < lasting) {
    if (absl::Status runs = child_->Look(); !runs.ok()) return runs;
    const absl::StatusOr<int64_t> processed = Processed();
    if (processed.ok() && std::exchange(last, *processed) != *processed) since = absl::Now();
    absl::SleepFor(kLook);
  }
  return absl::OkStatus();
}

void Scene::Report(const std::string& name, const std::string& more) const {
  std::printf("case=%s budget_mb=%lld peak_resident_mb=%lld over_budget_mb=%lld resident_mb=%lld seconds=%.1f%s%s\n",
              name.c_str(), static_cast<long long>(budget_mb_), static_cast<long long>(child_->peak_mb()),
              static_cast<long long>(std::max<int64_t>(child_->peak_mb() - budget_mb_, 0)),
              static_cast<long long>(child_->resident_mb()), absl::ToDoubleSeconds(absl::Now() - began_),
              more.empty() ? "" : " ", more.c_str());
  std::fflush(stdout);
}

}  // namespace once::bench
