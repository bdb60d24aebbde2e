#include "processor/text_fields.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::internal {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Strings of proto2 may hold any bytes.
bool IsText(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_STRING && field.file()->syntax() == FileDescriptor::SYNTAX_PROTO3;
}

absl::Status CheckText(const FieldDescriptor& field, const std::string& text) {
  if (IsValidUtf8(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field.full_name(), " is \"", Printable(text),
                                                 "\", which is not UTF-8; make the field bytes, or convert the text"));
}

}  // namespace

TextFields::TextFields(const Descriptor* type) { Add(type); }

void TextFields::Add(const Descriptor* type) {
  if (!types_.try_emplace(type).second) return;
  Fields fields;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (is_message) Add(field->message_type());
    if (is_message || IsText(*field)) fields.push_back(field);
  }
  types_[type] = std::move(fields);
}

absl::Status TextFields::Check(const Message& message) const {
  for (const FieldDescriptor* field : types_.at(message.GetDescriptor())) {
    if (absl::Status checked = CheckField(message, field); !checked.ok()) return checked;
  }
  return absl::OkStatus();
}

absl::Status TextFields::CheckField(const Message& message, const FieldDescriptor* field) const {
  const Reflection& reflection = *message.GetReflection();
  const bool is_text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  std::string scratch;
  if (!field->is_repeated()) {
    if (is_text) return CheckText(*field, reflection.GetStringReference(message, field, &scratch));
    if (!reflection.HasField(message, field)) return absl::OkStatus();
    return Check(reflection.GetMessage(message, field));
  }
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    absl::Status checked = is_text
                               ? CheckText(*field, reflection.GetRepeatedStringReference(message, field, i, &scratch))
                               : Check(reflection.GetRepeatedMessage(message, field, i));
    if (!checked.ok()) return checked;
  }
  return absl::OkStatus();
}

}  // namespace once::internal
