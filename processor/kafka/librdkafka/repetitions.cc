// Counts the requests that end transactions, on their way out: librdkafka repeats them inside one call, in silence.
#include "processor/kafka/librdkafka/repetitions.h"

namespace once::kafka {
namespace {

constexpr char kName[] = "once_repetitions";
// The protocol's numbers of the two requests.
constexpr int16_t kEndTxn = 26;
constexpr int16_t kTxnOffsetCommit = 28;

}  // namespace

void Repetitions::Attach(rd_kafka_conf_t* conf) {
  rd_kafka_conf_interceptor_add_on_new(conf, kName, &Repetitions::OnNew, this);
}

bool Repetitions::Take() {
  const int ends = ends_.exchange(0);
  const int offsets = offsets_.exchange(0);
  // T4: one that was sent twice may still be under way, and end the next transaction.
  return ends > 1 || offsets > 1;
}

rd_kafka_resp_err_t Repetitions::OnNew(rd_kafka_t* rk, const rd_kafka_conf_t*, void* self, char*, size_t) {
  return rd_kafka_interceptor_add_on_request_sent(rk, kName, &Repetitions::OnSent, self);
}

rd_kafka_resp_err_t Repetitions::OnSent(rd_kafka_t*, int, const char*, int32_t, int16_t api, int16_t, int32_t, size_t,
                                        void* self) {
  if (api == kEndTxn) static_cast<Repetitions*>(self)->ends_.fetch_add(1);
  if (api == kTxnOffsetCommit) static_cast<Repetitions*>(self)->offsets_.fetch_add(1);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace once::kafka
