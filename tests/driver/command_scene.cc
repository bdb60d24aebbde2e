#include "tests/driver/command_scene.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/runtime/worker.h"

namespace once {

CommandScene::CommandScene(DriverOptions options) : driver(Scripted(MakeScript()), std::move(options)) {}

std::shared_ptr<Script> CommandScene::MakeScript() {
  script = NewScript();
  script->handle = [this](const OrderPlaced& order) {
    if (broken.contains(order.cents())) return absl::InvalidArgumentError("broken");
    if (away.contains(order.cents())) return absl::UnavailableError("away");
    return absl::OkStatus();
  };
  return script;
}

void CommandScene::SendAlice(int from, int to) {
  for (int i = from; i <= to; ++i) driver.Send("orders", "alice", Order(i), {.event_id = absl::StrCat(i)});
  driver.RunUntilIdle();
}

const EventCounters& CommandScene::counters() { return driver.worker().engine().committed_counters(); }

DriverOptions WithEngine(const std::function<void(EngineOptions&)>& change) {
  DriverOptions options;
  change(options.engine);
  return options;
}

std::string Short(const CommandOutcome& outcome) {
  return absl::StrCat(outcome.outcome, outcome.code.empty() ? "" : absl::StrCat(" ", outcome.code));
}

v1::NeverRule NeverEvent(const std::string& id) {
  v1::NeverRule rule;
  rule.set_event_id(id);
  return rule;
}

v1::NeverRule NeverKey(const std::string& key) {
  v1::NeverRule rule;
  rule.set_key(key);
  return rule;
}

v1::NeverRule NeverType(const std::string& type) {
  v1::NeverRule rule;
  rule.set_event_type(type);
  return rule;
}

v1::NeverRule NeverPlace(const std::string& topic, int64_t offset) {
  v1::NeverRule rule;
  rule.mutable_place()->set_topic(topic);
  rule.mutable_place()->set_offset(offset);
  return rule;
}

}  // namespace once
