// One Avro value and one protobuf message: what of the one goes where in the other.
#ifndef ONCE_PROCESSOR_SCHEMA_AVRO_MESSAGE_H_
#define ONCE_PROCESSOR_SCHEMA_AVRO_MESSAGE_H_

#include <avro.h>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace once::internal {

// Of a record. `message` is empty.
absl::Status AvroToMessage(avro_value_t* record, google::protobuf::Message* message);
absl::Status MessageToAvro(const google::protobuf::Message& message, avro_value_t* record);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_AVRO_MESSAGE_H_
