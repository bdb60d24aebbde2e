// Notices that a transaction's offsets or its end were sent more than once.
//
// librdkafka repeats a request by itself when its connection breaks; the first copy may lie anywhere on its way and
// arrive in the next transaction. Whether librdkafka tells of the broken connection depends on settings of its log
// (log.connection.close), and the same error within half a minute is not told again. What is counted here depends on
// neither: a request that was sent once and answered has no copy under way.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_REPETITIONS_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_REPETITIONS_H_

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace once::kafka {

// Thread-safe: librdkafka's threads count, ours asks. Must outlive the handle that it is attached to. (Answers cannot
// be counted likewise: librdkafka 2.0.2 tells of some twice.)
class Repetitions {
 public:
  // Counts for the handle that is made of `conf`.
  void Attach(rd_kafka_conf_t* conf);

  // Whether one was sent twice since the last call of this; to be called at the end of each transaction.
  bool Take();

 private:
  static rd_kafka_resp_err_t OnNew(rd_kafka_t* rk, const rd_kafka_conf_t* conf, void* self, char* error, size_t size);
  static rd_kafka_resp_err_t OnSent(rd_kafka_t* rk, int socket, const char* broker, int32_t broker_id, int16_t api,
                                    int16_t version, int32_t correlation, size_t size, void* self);

  std::atomic<int> ends_{0};
  std::atomic<int> offsets_{0};
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_REPETITIONS_H_
