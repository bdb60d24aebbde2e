// Finds text in protobuf messages that is not UTF-8. proto3 serialises such a string all the same, and then refuses to
// parse it: what was stored so could never be read again. Internal to Codec.
#ifndef ONCE_PROCESSOR_TEXT_FIELDS_H_
#define ONCE_PROCESSOR_TEXT_FIELDS_H_

#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace once::internal {

// The strings of one type of message and of all that it contains. Thread-safe.
class TextFields {
 public:
  explicit TextFields(const google::protobuf::Descriptor* type);

  // InvalidArgument, which names the field, if a string in the message is not UTF-8.
  absl::Status Check(const google::protobuf::Message& message) const;

 private:
  using Fields = std::vector<const google::protobuf::FieldDescriptor*>;

  void Add(const google::protobuf::Descriptor* type);
  absl::Status CheckField(const google::protobuf::Message& message,
                          const google::protobuf::FieldDescriptor* field) const;

  // By type: the fields that are text or messages.
  std::unordered_map<const google::protobuf::Descriptor*, Fields> types_;
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_TEXT_FIELDS_H_
