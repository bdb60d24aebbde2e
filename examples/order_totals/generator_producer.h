// Sends the generator's events with librdkafka's idempotent producer, and checks every delivery report.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_GENERATOR_PRODUCER_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_GENERATOR_PRODUCER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "examples/order_totals/generator_load.h"

struct rd_kafka_s;

namespace orders::generator {

struct ProducerOptions {
  std::string bootstrap_servers;
  std::vector<std::pair<std::string, std::string>> properties;  // librdkafka's own, by name; they win.
  absl::Duration connect_timeout = absl::Seconds(15);
};

// Not thread-safe: one thread makes all calls, and delivery reports are served within them.
class Producer {
 public:
  // Unavailable if no broker answers, InvalidArgument if librdkafka refuses a property.
  static absl::StatusOr<std::unique_ptr<Producer>> Connect(const ProducerOptions& options);
  ~Producer();

  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Creates the topics that are absent; one that exists stays as it is. A broker may not know them for a moment yet.
  absl::Status CreateTopics(const std::vector<std::string>& topics, int32_t partitions);

  // Host and port of each broker of the cluster.
  absl::StatusOr<std::vector<std::string>> Brokers();

  // NotFound if there is no such topic. Blocks for at most the connect timeout.
  absl::StatusOr<int32_t> PartitionCount(const std::string& topic);

  // Queues an event; waits while the queue is full. The first failed delivery, of this or an earlier event, ends it.
  absl::Status Send(const std::string& topic, const OrderEvent& event);

  // Serves delivery reports for at most `wait`, or until there was one.
  void Serve(absl::Duration wait);

  // Waits until each event was delivered or has failed. OK if all were delivered.
  absl::Status Flush();

  int64_t sent() const { return sent_; }
  int64_t delivered() const { return delivered_; }

 private:
  explicit Producer(const ProducerOptions& options) : options_(options) {}

  struct DeliveryReport;  // Has librdkafka's callback.
  absl::Status FailureStatus() const;

  const ProducerOptions options_;
  rd_kafka_s* handle_ = nullptr;
  int64_t sent_ = 0;
  int64_t delivered_ = 0;
  int64_t failed_ = 0;
  std::string first_failure_;
};

}  // namespace orders::generator

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_GENERATOR_PRODUCER_H_
