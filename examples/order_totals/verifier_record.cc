#include "examples/order_totals/verifier_record.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "examples/order_totals/orders.pb.h"

namespace orders::verifier {

std::string Origin(const Record& record) {
  return absl::StrCat(record.topic, "-", record.partition, "-", record.offset);
}

std::optional<std::string> FindHeader(const std::vector<RecordHeader>& headers, std::string_view name) {
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (header->name == name) return header->value;
  }
  return std::nullopt;
}

std::string Printable(const std::optional<std::string>& bytes) {
  if (!bytes.has_value()) return "null";
  constexpr size_t kShownBytes = 60;
  const std::string shown = absl::CHexEscape(bytes->substr(0, kShownBytes));
  return absl::StrCat("\"", shown, bytes->size() > kShownBytes ? "...\"" : "\"");
}

// Protobuf's own rule: a string field must be UTF-8, or the message does not parse.
bool IsUtf8(std::string_view text) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) return true;
  std::string wire("\x0a");
  for (size_t rest = text.size();; rest >>= 7) {
    wire.push_back(static_cast<char>(rest < 0x80 ? rest : (rest & 0x7f) | 0x80));
    if (rest < 0x80) break;
  }
  wire.append(text);
  v1::CustomerTotal message;
  return message.ParseFromString(wire);
}

}  // namespace orders::verifier
