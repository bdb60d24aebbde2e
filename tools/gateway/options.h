// The gateway's options.
#ifndef ONCE_TOOLS_GATEWAY_OPTIONS_H_
#define ONCE_TOOLS_GATEWAY_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/listen_address.h"
#include "processor/base/log.h"
#include "processor/config/config.h"

namespace once::gateway {

// What they do and their ranges are in options.cc, and in --help.
struct GatewayOptions {
  std::string bootstrap_servers = "localhost:9092";
  ListenAddress listen = {.host = "127.0.0.1", .port = 8080};
  std::string descriptor_set = {};
  std::string name = "once-gateway";
  std::string instance_id = "0";
  std::string http_token_file = {};
  std::vector<std::string> topics = {};
  std::vector<std::string> follow = {};
  std::string group = {};
  std::vector<std::string> create_topics = {};
  int32_t create_partitions = 4;
  std::string idempotency_topic = {};
  absl::Duration idempotency_retention = absl::Hours(24);
  int64_t idempotency_max_bytes = int64_t{64} << 20;
  bool allow_raw = true;
  int32_t producers = 2;
  int32_t max_transactions = 8;
  absl::Duration max_transaction_timeout = absl::Minutes(1);
  int32_t max_events = 1000;
  int64_t max_body_bytes = int64_t{1} << 20;
  int32_t max_connections = 256;
  int32_t max_followers = 16;
  int32_t max_queued = 1000;
  absl::Duration request_timeout = absl::Seconds(30);
  absl::Duration client_timeout = absl::Seconds(10);
  absl::Duration start_timeout = absl::Minutes(1);
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
};

// Mistakes come out of config.Check().
GatewayOptions LoadGatewayOptions(const Config& config);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_OPTIONS_H_
