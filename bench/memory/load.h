// Events for the application under test.
#ifndef ONCE_BENCH_MEMORY_LOAD_H_
#define ONCE_BENCH_MEMORY_LOAD_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace once::bench {

struct Event {
  std::string key = {};
  std::string value = {};
  std::string id = {};  // Empty: none.
};

struct LoadOptions {
  std::string bootstrap_servers = {};
  std::string topic = {};
  int64_t events = 0;
  std::function<void(int64_t number, Event* event)> make = {};
  std::function<absl::Status()> meanwhile = {};  // Called again and again; an error ends it.
};

// Sends them in their order, and waits until they are written.
absl::Status Load(const LoadOptions& options);

// Bytes that do not get smaller when they are compressed, the same for the same seed.
std::string Noise(uint64_t seed, size_t bytes);

}  // namespace once::bench

#endif  // ONCE_BENCH_MEMORY_LOAD_H_
