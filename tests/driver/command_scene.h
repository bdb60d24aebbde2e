// An application whose events fail as the test says, for the tests of commands.
#ifndef ONCE_TESTS_DRIVER_COMMAND_SCENE_H_
#define ONCE_TESTS_DRIVER_COMMAND_SCENE_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/driver/scripted.h"

namespace once {

// Orders of these cents fail, for good or for a passing reason.
struct CommandScene {
  explicit CommandScene(DriverOptions options = {}) : driver(Scripted(MakeScript()), std::move(options)) {}

  std::shared_ptr<Script> MakeScript() {
    script = NewScript();
    script->handle = [this](const OrderPlaced& order) {
      if (broken.contains(order.cents())) return absl::InvalidArgumentError("broken");
      if (away.contains(order.cents())) return absl::UnavailableError("away");
      return absl::OkStatus();
    };
    return script;
  }
  // Orders 1, 2, ... of alice, with these numbers as their IDs.
  void SendAlice(int from, int to) {
    for (int i = from; i <= to; ++i) driver.Send("orders", "alice", Order(i), {.event_id = absl::StrCat(i)});
    driver.RunUntilIdle();
  }
  const EventCounters& counters() { return driver.worker().engine().committed_counters(); }

  std::shared_ptr<Script> script;  // Before the driver, which is made of it.
  std::set<int64_t> broken;
  std::set<int64_t> away;
  TopologyTestDriver driver;
};

inline DriverOptions WithEngine(const std::function<void(EngineOptions&)>& change) {
  DriverOptions options;
  change(options.engine);
  return options;
}

// "APPLIED" or "REFUSED NOT_FOUND".
inline std::string Short(const CommandOutcome& outcome) {
  return absl::StrCat(outcome.outcome, outcome.code.empty() ? "" : absl::StrCat(" ", outcome.code));
}

inline v1::NeverRule NeverEvent(const std::string& id) {
  v1::NeverRule rule;
  rule.set_event_id(id);
  return rule;
}

inline v1::NeverRule NeverKey(const std::string& key) {
  v1::NeverRule rule;
  rule.set_key(key);
  return rule;
}

inline v1::NeverRule NeverType(const std::string& type) {
  v1::NeverRule rule;
  rule.set_event_type(type);
  return rule;
}

inline v1::NeverRule NeverPlace(const std::string& topic, int64_t offset) {
  v1::NeverRule rule;
  rule.mutable_place()->set_topic(topic);
  rule.mutable_place()->set_offset(offset);
  return rule;
}

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_COMMAND_SCENE_H_
