#include "processor/cli/briefs.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "once/v1/changelog.pb.h"

namespace once::cli {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// What is at hand of a message's field whose value is bytes.
bool ReadBytes(CodedInputStream* input, std::string* bytes) {
  uint32_t length = 0;
  return input->ReadVarint32(&length) && input->ReadString(bytes, static_cast<int>(length));
}

// A v1::Header: whether it is ce_type, and its value.
bool ReadHeader(CodedInputStream* input, std::string* type) {
  uint32_t length = 0;
  if (!input->ReadVarint32(&length)) return false;
  const auto limit = input->PushLimit(static_cast<int>(length));
  bool is_type = false;
  std::string bytes;
  for (uint32_t tag = input->ReadTag(); tag != 0; tag = input->ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (field == v1::Header::kNameFieldNumber) {
      if (!ReadBytes(input, &bytes)) return false;
      is_type = bytes == "ce_type";
    } else if (field == v1::Header::kValueFieldNumber && is_type) {
      if (!ReadBytes(input, type)) return false;
    } else if (!WireFormatLite::SkipField(input, tag)) {
      return false;
    }
  }
  input->PopLimit(limit);
  return true;
}

}  // namespace

// Of a v1::ParkedEvent its place and type; the rest is passed over.
std::optional<Brief> ReadBrief(std::string_view bytes, Names* names) {
  CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  Brief brief{.offset = 0};
  std::string topic, type;
  for (uint32_t tag = input.ReadTag(); tag != 0; tag = input.ReadTag()) {
    bool read = true;
    switch (WireFormatLite::GetTagFieldNumber(tag)) {
      case v1::ParkedEvent::kTopicFieldNumber:
        read = ReadBytes(&input, &topic);
        break;
      case v1::ParkedEvent::kOffsetFieldNumber: {
        uint64_t offset = 0;
        read = input.ReadVarint64(&offset);
        brief.offset = static_cast<int64_t>(offset);
        break;
      }
      case v1::ParkedEvent::kHeadersFieldNumber:
        read = ReadHeader(&input, &type);
        break;
      default:
        read = WireFormatLite::SkipField(&input, tag);
    }
    if (!read) return std::nullopt;
  }
  brief.topic = names->NumberOf(topic);
  brief.type = names->NumberOf(type);
  return brief;
}

}  // namespace once::cli
