// One Avro value and one protobuf message: what of the one goes where in the other.
#ifndef ONCE_PROCESSOR_SCHEMA_AVRO_MESSAGE_H_
#define ONCE_PROCESSOR_SCHEMA_AVRO_MESSAGE_H_

#include <avro.h>

#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace once::internal {

// A record's binary form; what comes after it is not looked at. `message` is empty. DataLoss for bytes that are no such
// record. The schema does not hold itself, and has no arrays of what takes no bytes.
absl::Status AvroToMessage(avro_schema_t record, std::string_view bytes, google::protobuf::Message* message);
// `record` is fresh.
absl::Status MessageToAvro(const google::protobuf::Message& message, avro_value_t* record);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_AVRO_MESSAGE_H_
