// What every checkpoint store must do; the fake and RocksDB run the same tests.
//
//   class MyHarness : public StoreHarness { ... };
//   INSTANTIATE_TEST_SUITE_P(Mine, CheckpointStoreContract,
//                            testing::Values([] { return std::make_unique<MyHarness>(); }));
#ifndef ONCE_TESTS_STATE_CHECKPOINT_STORE_CONTRACT_H_
#define ONCE_TESTS_STATE_CHECKPOINT_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/checkpoint_store.h"

namespace once {

// A store, and what its process and its disk may do.
class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  virtual CheckpointStore& store() = 0;
  // Shut down in order and started again.
  virtual void Restart() = 0;
  // Killed and started again: at least what was flushed is there.
  virtual void Crash() = 0;
};

using StoreHarnessFactory = std::function<std::unique_ptr<StoreHarness>()>;

class CheckpointStoreContract : public testing::TestWithParam<StoreHarnessFactory> {
 protected:
  using Entries = std::map<std::string, std::string>;

  CheckpointStoreContract() : harness_(GetParam()()) {}

  CheckpointStore& store() { return harness_->store(); }
  // Fails the test on an error.
  void Write(std::string_view task, const std::vector<CheckpointEntry>& entries, int64_t changelog_offset);
  void Flush();
  Entries Scan(std::string_view task, std::string_view prefix);
  // -1 if there is none.
  int64_t ReadOffset(std::string_view task);

  const std::unique_ptr<StoreHarness> harness_;
  const std::string task_ = TaskPrefix("orders", Partition(0));
  const std::string next_task_ = TaskPrefix("orders", Partition(1));
};

}  // namespace once

#endif  // ONCE_TESTS_STATE_CHECKPOINT_STORE_CONTRACT_H_
