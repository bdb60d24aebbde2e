// A record as the verifier sees it.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_RECORD_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orders::verifier {

struct RecordHeader {
  std::string name;
  std::optional<std::string> value;
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

struct Record {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::optional<int64_t> timestamp_ms;  // Only if the record's producer set it.
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<RecordHeader> headers;
};

// "topic-partition-offset".
std::string Origin(const Record& record);

// The last value of a header; nothing if it is absent or null.
std::optional<std::string> FindHeader(const std::vector<RecordHeader>& headers, std::string_view name);

// For messages: quoted, other than ASCII escaped, cut at 60 bytes; null without quotes.
std::string Printable(const std::optional<std::string>& bytes);

bool IsUtf8(std::string_view text);

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_RECORD_H_
