// X6: librdkafka's waits, by the steady clock.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_STEADY_WAITS_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_STEADY_WAITS_H_

namespace once::kafka {

// Whether waits of librdkafka in this process go by the steady clock. They do with glibc, where steady_waits.cc defines
// cnd_timedwait for the whole program; calling this is what links it. Thread-safe.
bool WaitsAreSteady();

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_STEADY_WAITS_H_
