// How settings are written: what is accepted is in range and reads back the same, in its own form too.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "processor/config/units.h"
#include "tests/fuzz/input.h"

namespace once {
namespace {

template <typename T>
bool Refused(const absl::StatusOr<T>& parsed) {
  if (parsed.ok()) return false;
  ONCE_CHECK(absl::IsInvalidArgument(parsed.status()) && !parsed.status().message().empty());
  return true;
}

void CheckBytes(std::string_view text) {
  const absl::StatusOr<int64_t> bytes = ParseBytes(text);
  if (Refused(bytes)) return;
  ONCE_CHECK(*bytes >= 0 && *ParseBytes(FormatBytes(*bytes)) == *bytes);
}

void CheckInteger(std::string_view text, int64_t min, int64_t max) {
  const absl::StatusOr<int64_t> number = ParseInteger(text, min, max);
  int64_t reference = 0;
  const std::from_chars_result read = std::from_chars(text.data(), text.data() + text.size(), reference);
  const bool is_number = !text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size();
  ONCE_CHECK(number.ok() == (is_number && reference >= min && reference <= max));
  if (!Refused(number)) ONCE_CHECK(*number == reference);
}

void CheckDuration(std::string_view text) {
  const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (Refused(duration)) return;
  ONCE_CHECK(absl::AbsDuration(*duration) != absl::InfiniteDuration());
  // Beyond what a count of nanoseconds holds, text has fewer digits than the duration.
  if (absl::AbsDuration(*duration) > absl::Hours(24 * 365)) return;
  const absl::Duration whole = absl::Trunc(*duration, absl::Nanoseconds(1));
  ONCE_CHECK(*ParseDuration(absl::FormatDuration(whole)) == whole);
}

void CheckDouble(std::string_view text) {
  const absl::StatusOr<double> number = ParseDouble(text);
  if (!Refused(number)) ONCE_CHECK(std::isfinite(*number));
}

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  const size_t choice = input.Choice(6);
  const int64_t min = choice == 1 ? input.Signed() : 0;
  const int64_t max = choice == 1 ? input.Signed() : 0;
  const std::string_view text = input.Rest();
  switch (choice) {
    case 0:
      once::CheckBytes(text);
      break;
    case 1:
      once::CheckInteger(text, min, max);
      break;
    case 2:
      once::CheckDuration(text);
      break;
    case 3:
      once::CheckDouble(text);
      break;
    case 4:
      once::Refused(once::ParseBool(text));
      break;
    default: {
      const auto bytes = static_cast<int64_t>(once::fuzz::Input(data, size).Number() >> 1);
      ONCE_CHECK(*once::ParseBytes(once::FormatBytes(bytes)) == bytes);
    }
  }
  return 0;
}
