// Which of librdkafka's properties users may set, and what they are told of the others.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/properties.h"

namespace once::kafka {
namespace {

struct PropertyCase {
  std::string name;
  std::string value;
  std::string says;  // Part of the message; empty if the property is accepted.
};

class PropertyTest : public testing::TestWithParam<PropertyCase> {
 protected:
  absl::Status Judge(const std::string& name, const std::string& value) {
    RdKafkaConfig config;
    config.bootstrap_servers = "127.0.0.1:9";  // Nobody is there.
    config.extra = {{name, value}};
    return MakeRdKafkaClient(config, &log_).status();
  }
  NullLogSink log_;
};

TEST_P(PropertyTest, IsJudged) {
  const PropertyCase& each = GetParam();
  const absl::Status status = Judge(each.name, each.value);
  if (each.says.empty()) {
    EXPECT_TRUE(status.ok()) << status;
    return;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  const std::string message(status.message());
  EXPECT_NE(message.find(each.says), std::string::npos) << message;
  EXPECT_NE(message.find(each.name), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(
    All, PropertyTest,
    testing::Values(
        PropertyCase{"session.timout.ms", "1", "did you mean \"session.timeout.ms\"?"},
        PropertyCase{"compresion.type", "lz4", "did you mean \"compression.type\"?"},
        PropertyCase{"no.such.thing.at.all.anywhere", "1", "no property"},
        PropertyCase{"compression.type", "lzma", "lzma"},
        PropertyCase{"fetch.wait.max.ms", "many", "fetch.wait.max.ms"},
        PropertyCase{"session.timeout.ms", "soon", "milliseconds"}, PropertyCase{"batch.size", "0", "bytes"},
        PropertyCase{"enable.auto.commit", "true", "transactions"},
        PropertyCase{"auto.commit.enable", "true", "transactions"},
        PropertyCase{"enable.auto.offset.store", "true", "transactions"},
        PropertyCase{"isolation.level", "read_uncommitted", "aborted"},
        PropertyCase{"auto.offset.reset", "latest", "halt"},
        PropertyCase{"partition.assignment.strategy", "range", "incremental"},
        PropertyCase{"transactional.id", "mine", "own"}, PropertyCase{"group.id", "mine", "application_id"},
        PropertyCase{"group.instance.id", "pod", "--static_membership"},
        PropertyCase{"bootstrap.servers", "elsewhere:9092", "bootstrap_servers"},
        PropertyCase{"metadata.broker.list", "elsewhere:9092", "bootstrap_servers"},
        PropertyCase{"enable.idempotence", "false", "duplicates"}, PropertyCase{"acks", "1", "lost"},
        PropertyCase{"request.required.acks", "0", "lost"}, PropertyCase{"partitioner", "random", "Java"},
        PropertyCase{"delivery.report.only.error", "true", "offsets"},
        PropertyCase{"enable.partition.eof", "false", "idle"}, PropertyCase{"test.mock.num.brokers", "3", "mock"},
        PropertyCase{"allow.auto.create.topics", "true", "misspelt"},
        PropertyCase{"topic.blacklist", ".*", "waited for in silence"},
        PropertyCase{"internal.termination.signal", "15", "would not be heard"},
        PropertyCase{"api.version.request", "false", "no transactions"},
        PropertyCase{"offset.store.method", "file", "transactions"},
        PropertyCase{"queuing.strategy", "lifo", "change places"},
        PropertyCase{"fetch.wait.max.ms", "60000", "at most 5000"}, PropertyCase{"log_level", "2", "at least 3"},
        PropertyCase{"fetch.error.backoff.ms", "300000", "at most 60000"},
        PropertyCase{"heartbeat.interval.ms", "10000", "not below session.timeout.ms"},
        PropertyCase{"heartbeat.interval.ms", "2000", ""}, PropertyCase{"fetch.wait.max.ms", "500", ""},
        PropertyCase{"log_level", "3", ""}, PropertyCase{"receive.message.max.bytes", "2000000000", ""},
        PropertyCase{"enable.idempotence", "true", ""}, PropertyCase{"acks", "all", ""},
        PropertyCase{"isolation.level", "read_committed", ""}, PropertyCase{"enable.auto.commit", "false", ""},
        PropertyCase{"compression.type", "lz4", ""}, PropertyCase{"session.timeout.ms", "20000", ""},
        PropertyCase{"linger.ms", "20", ""}, PropertyCase{"fetch.min.bytes", "1000", ""},
        PropertyCase{"queued.max.messages.kbytes", "1000", ""}, PropertyCase{"debug", "cgrp,topic", ""}));

}  // namespace
}  // namespace once::kafka
