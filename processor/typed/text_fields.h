// Finds text in protobuf messages that is not UTF-8. proto3 serialises such a string all the same, and then refuses to
// parse it: what was stored so could never be read again. Internal to Codec.
#ifndef ONCE_PROCESSOR_TYPED_TEXT_FIELDS_H_
#define ONCE_PROCESSOR_TYPED_TEXT_FIELDS_H_

#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace once::internal {

// The strings of one type of message and of all that it contains. Thread-safe.
class TextFields {
 public:
  // `prototype`: any message of the type, which lives on.
  explicit TextFields(const google::protobuf::Message& prototype);
  TextFields(const TextFields&) = delete;
  TextFields& operator=(const TextFields&) = delete;

  // InvalidArgument, which names the field, if a string in the message is not UTF-8. It must be of the type.
  absl::Status Check(const google::protobuf::Message& message) const { return Check(message, *root_); }

 private:
  struct Type;
  struct Field {
    const google::protobuf::FieldDescriptor* field = nullptr;
    const Type* type = nullptr;  // Of a message; null: text.
  };
  // Fields that are text or messages. Reflection is at hand, so that a check looks nothing up.
  struct Type {
    const google::protobuf::Reflection* reflection = nullptr;
    std::vector<Field> fields = {};
  };

  const Type* Add(const google::protobuf::Message& prototype);
  void Prune();
  static absl::Status Check(const google::protobuf::Message& message, const Type& type);
  static absl::Status CheckRepeated(const google::protobuf::Message& message, const Type& type, const Field& field);

  std::unordered_map<const google::protobuf::Descriptor*, Type> types_;  // Its elements stay where they are.
  const Type* root_;
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_TYPED_TEXT_FIELDS_H_
