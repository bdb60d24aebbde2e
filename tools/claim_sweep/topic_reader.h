// Reads all that is committed in a topic.
#ifndef ONCE_TOOLS_CLAIM_SWEEP_TOPIC_READER_H_
#define ONCE_TOOLS_CLAIM_SWEEP_TOPIC_READER_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/record.h"
#include "processor/kafka/kafka.h"

namespace once::claim_sweep {

class TopicReader {
 public:
  TopicReader(kafka::Client* client, kafka::Admin* admin, std::string topic, absl::Duration call_timeout,
              absl::Duration patience)
      : client_(client), admin_(admin), topic_(std::move(topic)), call_timeout_(call_timeout), patience_(patience) {}

  // All records from the beginning on, or, in a later call, from where the one before has ended, up to where the topic
  // ends as it is called. Errors as of Sweep.
  absl::Status ReadOn(const std::function<void(const RecordView&)>& take);

 private:
  struct Stretch {
    Offset begin;
    Offset end;
  };
  absl::Status FindStretches();
  // Those of partitions that the batch ends are over.
  absl::Status Take(const kafka::Batch& batch, const std::function<void(const RecordView&)>& take, bool* has_news);

  kafka::Client* const client_;
  kafka::Admin* const admin_;
  const std::string topic_;
  const absl::Duration call_timeout_;
  const absl::Duration patience_;
  std::map<Partition, Offset> next_;        // Where the next call begins.
  std::map<Partition, Stretch> stretches_;  // That are being read.
};

}  // namespace once::claim_sweep

#endif  // ONCE_TOOLS_CLAIM_SWEEP_TOPIC_READER_H_
