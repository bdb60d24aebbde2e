// Which fields are text is found once for each type; a check walks only what can hold some.
#include "processor/typed/text_fields.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::internal {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;

// Strings of proto2 may hold any bytes.
bool IsText(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_STRING && field.file()->syntax() == FileDescriptor::SYNTAX_PROTO3;
}

absl::Status CheckText(const FieldDescriptor& field, const std::string& text) {
  // protobuf would write it all the same, and whoever parses it fail.
  if (IsValidUtf8(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field.full_name(), " is \"", Printable(text),
                                                 "\", which is not UTF-8; make the field bytes, or convert the text"));
}

}  // namespace

TextFields::TextFields(const Message& prototype) : root_(Add(prototype)) { Prune(); }

const TextFields::Type* TextFields::Add(const Message& prototype) {
  const auto [found, is_new] = types_.try_emplace(prototype.GetDescriptor());
  Type& type = found->second;
  // A message that contains itself ends here.
  if (!is_new) return &type;
  type.reflection = prototype.GetReflection();
  for (int i = 0; i < prototype.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = prototype.GetDescriptor()->field(i);
    if (IsText(*field)) type.fields.push_back({.field = field});
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const Message& inner = *type.reflection->GetMessageFactory()->GetPrototype(field->message_type());
    type.fields.push_back({.field = field, .type = Add(inner)});
  }
  return &type;
}

// Leaves out messages without text: not even the size of a map of numbers is asked for, which would make a list of it.
void TextFields::Prune() {
  const auto has_no_text = [](const Field& each) { return each.type != nullptr && each.type->fields.empty(); };
  bool is_done = false;
  // Until nothing changes: a message that has lost its last field has no text either.
  while (!is_done) {
    is_done = true;
    for (auto& [descriptor, type] : types_) {
      if (std::erase_if(type.fields, has_no_text) > 0) is_done = false;
    }
  }
}

absl::Status TextFields::Check(const Message& message, const Type& type) {
  std::string scratch;
  for (const Field& each : type.fields) {
    absl::Status checked;
    if (each.field->is_repeated()) {
      checked = CheckRepeated(message, type, each);
    } else if (each.type == nullptr) {
      checked = CheckText(*each.field, type.reflection->GetStringReference(message, each.field, &scratch));
    } else if (type.reflection->HasField(message, each.field)) {
      checked = Check(type.reflection->GetMessage(message, each.field), *each.type);
    }
    if (!checked.ok()) return checked;
  }
  return absl::OkStatus();
}

absl::Status TextFields::CheckRepeated(const Message& message, const Type& type, const Field& field) {
  std::string scratch;
  for (int i = 0; i < type.reflection->FieldSize(message, field.field); ++i) {
    absl::Status checked =
        field.type == nullptr
            ? CheckText(*field.field, type.reflection->GetRepeatedStringReference(message, field.field, i, &scratch))
            : Check(type.reflection->GetRepeatedMessage(message, field.field, i), *field.type);
    if (!checked.ok()) return checked;
  }
  return absl::OkStatus();
}

}  // namespace once::internal
