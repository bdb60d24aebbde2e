#include "bench/memory/cases.h"

#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/memory/load.h"
#include "once/codec.h"

namespace once::bench {
namespace {

constexpr int32_t kPartitions = 8;
constexpr int64_t kMb = 1'000'000;

using Steps = std::initializer_list<std::function<absl::Status()>>;

absl::Status InTurn(Steps steps) {
  for (const auto& step : steps) {
    if (absl::Status done = step(); !done.ok()) return done;
  }
  return absl::OkStatus();
}

std::function<void(int64_t, Event*)> StatesOf(int64_t bytes) {
  return [bytes](int64_t number, Event* event) {
    event->key = absl::StrCat("key-", number);
    event->value = absl::StrCat("s", bytes);
  };
}

}  // namespace

absl::StatusOr<Topology> BuildUnderTest(const Config& config) {
  const std::string application = config.Get("name", "memory");
  TopologyBuilder builder(application);
  auto in = builder.AddSource("in", {.topic = application + "-in"});
  builder.DeadLetterTo(application + "-dlq");
  builder.AddAggregate<Bytes>("kept").OnAny(in, [](const Bytes& event, auto& kept) {
    if (event.data == "f") return absl::InvalidArgumentError("as it asks for");
    const bool is_sized = event.data.starts_with('s');
    const size_t bytes = is_sized ? std::strtoull(event.data.c_str() + 1, nullptr, 10) : 1;
    kept.mutable_state()->data = Noise(std::hash<std::string>()(kept.key()), bytes);
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

absl::Status RunRestore(const Settings& settings, kafka::Client* client) {
  const auto made = Scene::Make(settings, "restore", kPartitions, client);
  if (!made.ok()) return made.status();
  Scene& scene = **made;
  const int64_t keys = settings.restore_mb * kMb / settings.restore_value_bytes;
  const auto report = [&](const std::string& name) {
    scene.Report(name, absl::StrCat("state_mb=", settings.restore_mb));
    return absl::OkStatus();
  };
  return InTurn({[&] { return scene.Start(settings.budget_mb); },
                 [&] { return scene.Load(keys, StatesOf(settings.restore_value_bytes)); },
                 [&] { return scene.AwaitProcessed(); }, [&] { return scene.Stop(); }, [&] { return report("fill"); },
                 [&] { return scene.DeleteState(); },
                 [&] {
                   scene.SetDisk(absl::StrCat(settings.disk_mb_per_second));
                   return scene.Start(settings.budget_mb);
                 },
                 [&] { return scene.AwaitRunning(); }, [&] { return report("restore"); },
                 [&] {
                   scene.SetDisk("");
                   return scene.Stop();
                 },
                 [&] { return report("restore_and_stop"); }});
}

absl::Status RunWindows(const Settings& settings, kafka::Client* client) {
  const auto made = Scene::Make(settings, "windows", static_cast<int32_t>(settings.windows), client);
  if (!made.ok()) return made.status();
  Scene& scene = **made;
  const auto event_of = [](int64_t number, Event* event) {
    event->key = absl::StrCat("key-", number % 10'000);
    event->value = "x";
    event->id = absl::StrCat("event-", number);
  };
  const auto report = [&](const std::string& name) {
    scene.Report(name, absl::StrCat("partitions=", settings.windows, " event_ids=", settings.window_events));
    return absl::OkStatus();
  };
  return InTurn({[&] { return scene.Start(settings.window_budget_mb); },
                 [&] { return scene.Load(settings.window_events, event_of); }, [&] { return scene.AwaitProcessed(); },
                 [&] { return report("windows"); }, [&] { return scene.Stop(); },
                 [&] { return scene.Start(settings.window_budget_mb); }, [&] { return scene.AwaitRunning(); },
                 [&] { return report("windows_restart"); }, [&] { return scene.Stop(); },
                 [&] { return scene.DeleteState(); }, [&] { return scene.Start(settings.window_budget_mb); },
                 [&] { return scene.AwaitRunning(); }, [&] { return report("windows_restore"); },
                 [&] { return scene.Stop(); }});
}

absl::Status RunFullDisk(const Settings& settings, kafka::Client* client) {
  const auto made = Scene::Make(settings, "full-disk", kPartitions, client);
  if (!made.ok()) return made.status();
  Scene& scene = **made;
  constexpr int64_t kBytes = 1'000;
  const int64_t keys = settings.full_disk_mb * kMb / kBytes;
  const auto report = [&](const std::string& name) {
    const absl::StatusOr<int64_t> processed = scene.Processed();
    scene.Report(
        name, absl::StrCat("state_mb=", settings.full_disk_mb, " processed_mb=", processed.value_or(0) * kBytes / kMb));
    return absl::OkStatus();
  };
  return InTurn({[&] { return scene.Start(settings.budget_mb); }, [&] { return scene.AwaitRunning(); },
                 [&] {
                   scene.SetDisk("full");
                   return scene.Load(keys, StatesOf(kBytes));
                 },
                 [&] { return scene.AwaitStandstill(absl::Seconds(10)); }, [&] { return report("full_disk"); },
                 [&] {
                   scene.SetDisk("");
                   return scene.AwaitProcessed();
                 },
                 [&] { return report("full_disk_healed"); }, [&] { return scene.Stop(); }});
}

absl::Status RunBlocked(const Settings& settings, kafka::Client* client) {
  const auto made = Scene::Make(settings, "blocked", kPartitions, client);
  if (!made.ok()) return made.status();
  Scene& scene = **made;
  // Small on the way and at the source, as large as it is everywhere else.
  const int64_t quarter = settings.blocked_value_bytes / 4;
  const auto event_of = [&](int64_t number, Event* event) {
    event->key = absl::StrCat("key-", number % settings.blocked_aggregates);
    event->value = "f";
    if (number < settings.blocked_aggregates) return;
    const std::string noise = Noise(static_cast<uint64_t>(number), static_cast<size_t>(quarter));
    event->value = absl::StrCat("x", noise, noise, noise, noise);
  };
  const auto report = [&](const std::string& name) {
    scene.Report(name, absl::StrCat("events=", settings.blocked_events, " bytes=", settings.blocked_value_bytes));
    return absl::OkStatus();
  };
  return InTurn(
      {[&] { return scene.Start(settings.budget_mb); }, [&] { return scene.Load(settings.blocked_events, event_of); },
       [&] { return scene.AwaitProcessed(); }, [&] { return report("blocked"); }, [&] { return scene.Stop(); },
       [&] { return scene.Start(settings.budget_mb); }, [&] { return scene.AwaitRunning(); },
       [&] { return report("blocked_restart"); }, [&] { return scene.Stop(); }, [&] { return scene.DeleteState(); },
       [&] { return scene.Start(settings.budget_mb); }, [&] { return scene.AwaitRunning(); },
       [&] { return report("blocked_restore"); }, [&] { return scene.Stop(); }});
}

}  // namespace once::bench
