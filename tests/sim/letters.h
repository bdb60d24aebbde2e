// Which event a record of the engine's stands for, where its value may lie elsewhere.
#ifndef ONCE_TESTS_SIM_LETTERS_H_
#define ONCE_TESTS_SIM_LETTERS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "once/v1/changelog.pb.h"
#include "processor/base/own_headers.h"
#include "tests/sim/workload.h"
#include "tests/testkit/partition_log.h"

namespace once::sim {

// The first of that name; empty if there is none.
inline std::string HeaderOf(const testkit::StoredRecord& record, std::string_view name) {
  for (const auto& [header, value] : record.headers) {
    if (header == name) return value.value_or("");
  }
  return "";
}

// SimLargeValues' references begin as the values do.
inline int64_t NumberOfLetter(const testkit::StoredRecord& letter) {
  const std::string kept = HeaderOf(letter, kKeptHeader);
  return NumberOf(kept.empty() ? letter.value.value_or("") : kept);
}

inline int64_t NumberOfParked(const v1::ParkedEvent& event) {
  for (const v1::Header& header : event.headers()) {
    if (header.name() == kKeptHeader) return NumberOf(header.value());
  }
  return NumberOf(event.value());
}

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_LETTERS_H_
