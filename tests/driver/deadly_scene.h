// Processes that their events end, where nothing but the cluster remembers: each one has a new disk, or is another
// instance.
#ifndef ONCE_TESTS_DRIVER_DEADLY_SCENE_H_
#define ONCE_TESTS_DRIVER_DEADLY_SCENE_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {

// The parameter: whether another instance takes over.
class DeadlyScene : public testing::TestWithParam<bool> {
 protected:
  DeadlyScene() {
    script_->handle = [this](const OrderPlaced& order) {
      handled_.push_back(order.cents());
      if (!deadly_.contains(order.cents())) return absl::OkStatus();
      Die();
      return absl::OkStatus();
    };
  }

  void Make(DriverOptions options = {}) { driver_ = std::make_unique<TopologyTestDriver>(Scripted(script_), options); }
  void Send(const std::string& key, int64_t cents, int partition = 0) {
    driver_->Send("orders", key, Order(cents), {.event_id = std::to_string(cents), .partition = partition});
  }
  // From here on the process does nothing that counts.
  void Die() {
    has_died_ = true;
    for (const std::string& member : driver_->cluster().Members("scripted")) driver_->cluster().ExpireMember(member);
  }
  // Another one, which knows nothing of the one before.
  void Start() {
    has_died_ = false;
    GetParam() ? driver_->TakeOver() : driver_->CrashAndLoseDisk();
  }
  // Runs until that is so, the process dies, or for long.
  void RunUntil(const std::function<bool()>& is_reached) {
    for (int turn = 0; turn < 3000 && !has_died_ && !is_reached(); ++turn) {
      driver_->worker().RunOnce();
      driver_->clock().Advance(absl::Milliseconds(5));
    }
  }
  // Starts processes as they die; how often one did.
  int RunThroughDeaths(int most) {
    for (int deaths = 0; deaths < most; ++deaths) {
      RunUntil([] { return false; });
      if (!has_died_) return deaths;
      Start();
    }
    return most;
  }

  std::shared_ptr<Script> script_ = NewScript();
  std::unique_ptr<TopologyTestDriver> driver_;
  std::set<int64_t> deadly_;  // Cents of orders whose handlers end the process.
  std::vector<int64_t> handled_;
  bool has_died_ = false;
};

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_DEADLY_SCENE_H_
