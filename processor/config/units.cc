// Numbers with units, as people write them in settings.
#include "processor/config/units.h"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "processor/base/strings.h"

namespace once {
namespace {

struct Unit {
  std::string_view name;
  int64_t bytes;
};

// "B" last, since all others end in it.
constexpr Unit kUnits[] = {
    {"TiB", int64_t{1} << 40}, {"GiB", 1 << 30},  {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},     {"MB", 1'000'000}, {"kB", 1'000},    {"KB", 1'000},    {"B", 1},
};

// Digits alone: no sign, point or exponent.
bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

absl::Status Invalid(std::string_view why, std::string_view fix) {
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(why), "; ", ToAbsl(fix)));
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  constexpr std::string_view kFix = "write a number with a unit, such as 100ms, 2s or 24h";
  absl::Duration duration;
  // Whether milliseconds or seconds were meant nobody can know.
  if (text != "0" && IsNumber(text)) return Invalid("the duration has no unit", kFix);
  if (!absl::ParseDuration(std::string(text), &duration)) return Invalid("it is not a duration", kFix);
  // Abseil takes "inf" for a duration.
  if (duration == absl::InfiniteDuration() || duration == -absl::InfiniteDuration()) {
    return Invalid("the duration is not finite", kFix);
  }
  return duration;
}

absl::StatusOr<int64_t> ParseBytes(std::string_view text) {
  constexpr std::string_view kFix = "write a whole number with a unit, such as 64KiB, 256MiB or 1GiB";
  int64_t factor = 1;
  std::string_view number = text;
  for (const Unit& unit : kUnits) {
    if (!number.ends_with(unit.name)) continue;
    number.remove_suffix(unit.name.size());
    factor = unit.bytes;
    break;
  }
  // "64 MiB" as well.
  while (number.ends_with(' ')) number.remove_suffix(1);
  if (!IsNumber(number)) return Invalid("it is not a size in bytes", kFix);
  int64_t count = 0;
  if (!absl::SimpleAtoi(ToAbsl(number), &count) || count > std::numeric_limits<int64_t>::max() / factor) {
    return Invalid("the size is beyond 64 bits", kFix);
  }
  return count * factor;
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  for (absl::string_view word : {"true", "yes", "on", "1"}) {
    if (absl::EqualsIgnoreCase(ToAbsl(text), word)) return true;
  }
  for (absl::string_view word : {"false", "no", "off", "0"}) {
    if (absl::EqualsIgnoreCase(ToAbsl(text), word)) return false;
  }
  return Invalid("it is a switch", "write true or false");
}

absl::StatusOr<int64_t> ParseInteger(std::string_view text, int64_t min, int64_t max) {
  const std::string fix = absl::StrCat("write a whole number from ", min, " to ", max);
  // SimpleAtoi takes blanks around it and a plus, too.
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (!IsNumber(digits)) return Invalid("it is not a whole number", fix);
  int64_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &number) || number < min || number > max) {
    return Invalid("the number is out of range", fix);
  }
  return number;
}

absl::StatusOr<double> ParseDouble(std::string_view text) {
  double number = 0;
  // Abseil takes "inf" and "nan" for numbers.
  if (!absl::SimpleAtod(ToAbsl(text), &number) || !std::isfinite(number)) {
    return Invalid("it is not a number", "write a number such as 0.5");
  }
  return number;
}

std::string FormatBytes(int64_t bytes) {
  for (const Unit& unit : kUnits) {
    // Those with an "i": what is printed can be read back, and is exact.
    const bool binary = unit.name.size() == 3;
    if (binary && bytes >= unit.bytes && bytes % unit.bytes == 0) {
      return absl::StrCat(bytes / unit.bytes, ToAbsl(unit.name));
    }
  }
  return absl::StrCat(bytes, "B");
}

}  // namespace once
