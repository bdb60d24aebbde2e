// What a client of Kafka's says of itself now and then: of its connections, its requests and its queues.
#ifndef ONCE_PROCESSOR_BASE_CLIENT_STATISTICS_H_
#define ONCE_PROCESSOR_BASE_CLIENT_STATISTICS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace once {

// One broker, as a client sees it. Counts are since the client was made.
struct BrokerStatistics {
  // kIdle: no connection is wanted, since nothing is asked of this broker; usual. kDown: one is wanted, and there is
  // none, or not yet.
  enum class State { kIdle, kDown, kUp };

  // Its ID; "coordinator": the connections of their own to those of the group and of transactions; "bootstrap": to
  // addresses that were given and have shown no ID.
  std::string broker = {};
  State state = State::kIdle;
  int64_t requests = 0;  // Sent.
  int64_t responses = 0;
  int64_t sent_bytes = 0;
  int64_t received_bytes = 0;
  int64_t send_errors = 0;
  int64_t receive_errors = 0;
  int64_t retries = 0;
  int64_t timeouts = 0;  // Requests that were not answered in time.
  int64_t disconnects = 0;
  int64_t queued_requests = 0;   // To be sent, now.
  int64_t waiting_requests = 0;  // Sent and not answered, now.
  // From a request to its answer, over the last interval; nothing: none was answered.
  struct RoundTrip {
    absl::Duration average = absl::ZeroDuration();
    absl::Duration p99 = absl::ZeroDuration();
  };
  std::optional<RoundTrip> round_trip = {};
  // For how long the broker made the client wait for its quota, over the last interval; zero: it did not.
  absl::Duration throttle_average = absl::ZeroDuration();
  absl::Duration throttle_longest = absl::ZeroDuration();
};

struct ClientStatistics {
  absl::Time at = absl::InfinitePast();  // When this was so, by the wall clock.
  std::vector<BrokerStatistics> brokers = {};
  // Of a producer: taken and not delivered yet.
  int64_t queued_records = 0;
  int64_t queued_bytes = 0;
  // Of a consumer: fetched and not polled yet.
  int64_t fetched_records = 0;
  int64_t fetched_bytes = 0;
  int64_t rebalances = 0;  // Of a consumer.
};

// Thread-safe. Outlives its client, and then says what that said last.
class ClientStatisticsSource {
 public:
  virtual ~ClientStatisticsSource() = default;
  // Null: the client has said nothing yet. Asks nobody, but may have to read a long text: not for a worker's thread.
  virtual std::shared_ptr<const ClientStatistics> Look() = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_CLIENT_STATISTICS_H_
