// An application whose events fail as the test says, for the tests of commands.
#ifndef ONCE_TESTS_DRIVER_COMMAND_SCENE_H_
#define ONCE_TESTS_DRIVER_COMMAND_SCENE_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/driver/scripted.h"

namespace once {

// Orders of these cents fail, for good or for a passing reason.
struct CommandScene {
  explicit CommandScene(DriverOptions options = {});

  std::shared_ptr<Script> MakeScript();
  // Orders 1, 2, ... of alice, with these numbers as their IDs.
  void SendAlice(int from, int to);
  const EventCounters& counters();

  std::shared_ptr<Script> script;  // Before the driver, which is made of it.
  std::set<int64_t> broken;
  std::set<int64_t> away;
  TopologyTestDriver driver;
};

DriverOptions WithEngine(const std::function<void(EngineOptions&)>& change);

// "APPLIED" or "REFUSED NOT_FOUND".
std::string Short(const CommandOutcome& outcome);

v1::NeverRule NeverEvent(const std::string& id);

v1::NeverRule NeverKey(const std::string& key);

v1::NeverRule NeverType(const std::string& type);

v1::NeverRule NeverPlace(const std::string& topic, int64_t offset);

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_COMMAND_SCENE_H_
