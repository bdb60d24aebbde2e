// protobuf's own parser and descriptors do the work; what is compared is what the wire shows.
#include "processor/schema/proto_schema.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/compiler/parser.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "processor/base/strings.h"

namespace once::internal {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

// The parser recurses.
constexpr int kMaxBraces = 64;
constexpr size_t kMaxTextBytes = size_t{1} << 20;

bool IsWellKnown(std::string_view file) { return file.starts_with("google/protobuf/"); }

class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class FirstBuildError final : public DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const google::protobuf::Message*, ErrorLocation,
                const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(file, ", ", element, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Fields of types with one number may stand for each other.
int WireClass(FieldDescriptor::Type type) {
  switch (type) {
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_INT64:
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_UINT64:
    case FieldDescriptor::TYPE_BOOL:
    case FieldDescriptor::TYPE_ENUM:
      return FieldDescriptor::TYPE_INT64;
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SINT64:
      return FieldDescriptor::TYPE_SINT64;
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return FieldDescriptor::TYPE_FIXED32;
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return FieldDescriptor::TYPE_FIXED64;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
      return FieldDescriptor::TYPE_BYTES;
    default:
      return type;
  }
}

std::string TypeText(const FieldDescriptor& field) {
  std::string text = field.is_repeated() ? "repeated " : "";
  if (field.message_type() != nullptr) return text + field.message_type()->full_name();
  return text + field.type_name();
}

class Comparison {
 public:
  std::vector<std::string> Compare(const Descriptor& ours, const Descriptor& theirs) {
    Walk(ours, theirs);
    return std::move(found_);
  }

 private:
  void Walk(const Descriptor& ours, const Descriptor& theirs) {
    // A message may hold itself.
    if (!seen_.emplace(&ours, &theirs).second) return;
    for (int i = 0; i < ours.field_count(); ++i) {
      const FieldDescriptor& field = *ours.field(i);
      const FieldDescriptor* const other = theirs.FindFieldByNumber(field.number());
      const std::string name = absl::StrCat(ours.full_name(), ".", field.name(), " = ", field.number());
      if (other == nullptr) {
        found_.push_back(absl::StrCat("field ", name, " is not in the schema"));
      } else if (WireClass(field.type()) != WireClass(other->type()) || field.is_repeated() != other->is_repeated()) {
        found_.push_back(absl::StrCat("field ", name, " is ", TypeText(field), " here, but ", TypeText(*other), " (",
                                      other->name(), ") in the schema"));
      } else if (field.message_type() != nullptr) {
        Walk(*field.message_type(), *other->message_type());
      }
    }
  }

  std::set<std::pair<const Descriptor*, const Descriptor*>> seen_;
  std::vector<std::string> found_;
};

// Builds a schema's files, each after what it imports.
class Files {
 public:
  explicit Files(const ResolvedSchema& schema) : schema_(schema) {}

  absl::StatusOr<const FileDescriptor*> Build() {
    absl::StatusOr<FileDescriptorProto> file = ParseProto(schema_.schema.text);
    if (!file.ok()) return file.status();
    return Add("the schema's own file", *std::move(file));
  }

 private:
  absl::StatusOr<const FileDescriptor*> Add(const std::string& name, FileDescriptorProto file) {
    file.set_name(name);
    under_way_.insert(name);
    for (const std::string& import : file.dependency()) {
      if (pool_.FindFileByName(import) != nullptr) continue;
      if (under_way_.contains(import)) {
        return absl::FailedPreconditionError(absl::StrCat("\"", import, "\" imports itself"));
      }
      absl::StatusOr<FileDescriptorProto> imported = Import(import);
      if (!imported.ok()) return imported.status();
      absl::StatusOr<const FileDescriptor*> added = Add(import, *std::move(imported));
      if (!added.ok()) return added;
    }
    FirstBuildError error;
    const FileDescriptor* const built = pool_.BuildFileCollectingErrors(file, &error);
    if (built == nullptr) return absl::FailedPreconditionError(error.text());
    return built;
  }

  absl::StatusOr<FileDescriptorProto> Import(const std::string& name) const {
    if (const auto found = schema_.references.find(name); found != schema_.references.end()) {
      return ParseProto(found->second.text);
    }
    const FileDescriptor* const known =
        IsWellKnown(name) ? DescriptorPool::generated_pool()->FindFileByName(name) : nullptr;
    if (known == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("it imports \"", name, "\", which is not among its references"));
    }
    FileDescriptorProto file;
    known->CopyTo(&file);
    return file;
  }

  const ResolvedSchema& schema_;
  std::set<std::string> under_way_;
  DescriptorPool pool_;

 public:
  DescriptorPool& pool() { return pool_; }
};

bool FindIndexes(const google::protobuf::RepeatedPtrField<DescriptorProto>& messages, const std::string& scope,
                 std::string_view full_name, std::vector<int>* indexes) {
  for (int i = 0; i < messages.size(); ++i) {
    const std::string name = absl::StrCat(scope, scope.empty() ? "" : ".", messages[i].name());
    indexes->push_back(i);
    if (name == full_name) return true;
    if (full_name.starts_with(name + ".") && FindIndexes(messages[i].nested_type(), name, full_name, indexes))
      return true;
    indexes->pop_back();
  }
  return false;
}

}  // namespace

absl::StatusOr<FileDescriptorProto> ParseProto(const std::string& text) {
  int braces = 0, deepest = 0;
  for (const char c : text) {
    if (c == '{' || c == '<' || c == '[') deepest = std::max(deepest, ++braces);
    if (c == '}' || c == '>' || c == ']') --braces;
  }
  if (text.size() > kMaxTextBytes || deepest > kMaxBraces) {
    return absl::FailedPreconditionError("the .proto file is larger, or has deeper brackets, than is read");
  }
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  FirstError error;
  google::protobuf::io::Tokenizer tokenizer(&stream, &error);
  google::protobuf::compiler::Parser parser;
  parser.RecordErrorsTo(&error);
  FileDescriptorProto file;
  if (parser.Parse(&tokenizer, &file) && error.text().empty()) return file;
  return absl::FailedPreconditionError(absl::StrCat("the schema is no .proto file: ", error.text()));
}

absl::StatusOr<std::string> NameAt(const FileDescriptorProto& file, const std::vector<int>& indexes) {
  std::string name = file.package();
  const auto* messages = &file.message_type();
  for (const int index : indexes) {
    if (index < 0 || index >= messages->size()) {
      return absl::DataLossError(
          absl::StrCat("the schema has no message [", absl::StrJoin(indexes, ","), "], which the value says it is"));
    }
    const DescriptorProto& message = messages->Get(index);
    absl::StrAppend(&name, name.empty() ? "" : ".", message.name());
    messages = &message.nested_type();
  }
  return name;
}

std::vector<int> IndexesOf(const FileDescriptorProto& file, std::string_view full_name) {
  std::vector<int> indexes;
  FindIndexes(file.message_type(), file.package(), full_name, &indexes);
  return indexes;
}

std::vector<const FileDescriptor*> ImportsOf(const FileDescriptor& file) {
  std::vector<const FileDescriptor*> imports;
  for (int i = 0; i < file.dependency_count(); ++i) {
    if (!IsWellKnown(file.dependency(i)->name())) imports.push_back(file.dependency(i));
  }
  return imports;
}

Schema SchemaOf(const FileDescriptor& file, std::vector<SchemaReference> references) {
  return {.type = SchemaType::kProtobuf, .text = file.DebugString(), .references = std::move(references)};
}

absl::StatusOr<std::vector<std::string>> WhatDiffers(const Descriptor& ours, const ResolvedSchema& theirs) {
  if (theirs.schema.type != SchemaType::kProtobuf) {
    return absl::FailedPreconditionError(
        absl::StrCat("the schema is one of type ", SchemaTypeName(theirs.schema.type), ", not PROTOBUF"));
  }
  Files files(theirs);
  const absl::StatusOr<const FileDescriptor*> built = files.Build();
  if (!built.ok()) return built.status();
  const Descriptor* const message = files.pool().FindMessageTypeByName(ours.full_name());
  if (message == nullptr || message->file() != *built) {
    return absl::FailedPreconditionError(absl::StrCat("the schema has no message ", ours.full_name()));
  }
  return Comparison().Compare(ours, *message);
}

}  // namespace once::internal
