// Which record of a batch that a broker refused is to blame (X3a): the second file of the producer.
#include <algorithm>

#include "processor/kafka/librdkafka/producer.h"

namespace once::kafka {

void RdKafkaProducer::NoteRefusal(rd_kafka_resp_err_t code, size_t bytes) {
  const Delivery& delivery = deliveries_.back();
  if (!run_.empty()) {
    const Delivery& before = deliveries_[run_.back().delivery];
    // X3a: the records of a batch are reported in a row, with one code; nothing else tells where it begins.
    const bool is_same = code == run_code_ && before.topic_index == delivery.topic_index &&
                         before.partition == delivery.partition && run_.back().delivery + 2 == deliveries_.size();
    if (!is_same) JudgeRun();
  }
  run_.push_back({deliveries_.size() - 1, bytes});
  run_code_ = code;
}

void RdKafkaProducer::JudgeRun() {
  if (run_.size() == 1) {
    deliveries_[run_[0].delivery].refusal = Refusal::kAlone;
    deliveries_[run_[0].delivery].record_refused = true;
  }
  if (run_.size() > 1) {
    // Of a batch that was too large as a whole the largest record is the likeliest to be so by itself.
    const bool is_size = run_code_ == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    const auto largest = std::max_element(run_.begin(), run_.end(),
                                          [](const Refused& a, const Refused& b) { return a.bytes < b.bytes; });
    for (const Refused& each : run_) {
      Delivery& delivery = deliveries_[each.delivery];
      delivery.refusal = Refusal::kSuspect;
      delivery.record_refused =
          !is_size || each.delivery == largest->delivery || static_cast<int64_t>(each.bytes) > config().max_batch_bytes;
    }
  }
  run_.clear();
}

}  // namespace once::kafka
