// Schemas of protobuf, which are .proto files as text: which message is where in them, and how one differs from the
// program's.
#ifndef ONCE_PROCESSOR_SCHEMA_PROTO_SCHEMA_H_
#define ONCE_PROCESSOR_SCHEMA_PROTO_SCHEMA_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "processor/schema/schema_registry.h"

namespace once::internal {

// FailedPrecondition, with line and reason, for text that is no .proto file. Imports are not looked at.
absl::StatusOr<google::protobuf::FileDescriptorProto> ParseProto(const std::string& text);

// The full name of the message that the indexes lead to: the first of the file's messages, say, the second in that.
// DataLoss if they lead nowhere.
absl::StatusOr<std::string> NameAt(const google::protobuf::FileDescriptorProto& file, const std::vector<int>& indexes);
// The indexes that lead to the message; empty if the file has no such.
std::vector<int> IndexesOf(const google::protobuf::FileDescriptorProto& file, std::string_view full_name);

// The program's own message: its file as text. `references` are of what the file imports, but for protobuf's own.
Schema SchemaOf(const google::protobuf::FileDescriptor& file, std::vector<SchemaReference> references);
// What the file imports, but for protobuf's own files, which every registry has.
std::vector<const google::protobuf::FileDescriptor*> ImportsOf(const google::protobuf::FileDescriptor& file);

// Why readers by `theirs` cannot read what the program writes as `ours`, a line for each: fields that the schema does
// not have, and such as have another type there. Empty: they can. FailedPrecondition if the schema cannot be
// understood, or has no message of that name.
absl::StatusOr<std::vector<std::string>> WhatDiffers(const google::protobuf::Descriptor& ours,
                                                     const ResolvedSchema& theirs);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_PROTO_SCHEMA_H_
