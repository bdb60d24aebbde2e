// Who we are in the group, as a transaction's offsets need it.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_METADATA_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_METADATA_H_

#include <librdkafka/rdkafka.h>

#include <string_view>

#include "processor/kafka/kafka.h"

namespace once::kafka {

// A fresh reading. Generation -1 if the instance is no member, or if librdkafka changed its format.
GroupMetadata ReadGroupMetadata(rd_kafka_t* rk);

// What a serialized form says; separate so that a test can feed it any bytes.
GroupMetadata ParseGroupMetadata(std::string_view serialized);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_METADATA_H_
