// How settings are written as text: durations, byte sizes, switches and numbers.
#ifndef ONCE_PROCESSOR_CONFIG_UNITS_H_
#define ONCE_PROCESSOR_CONFIG_UNITS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace once {

// Errors are InvalidArgument; the message says why and how to write it, and names neither the setting nor its place.

// "100ms", "2s", "1h30m", "24h", and "0". Units: ns, us, ms, s, m, h. Finite; may be negative.
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);

// "64KiB", "256MiB", "1GiB" (powers of 1024), "10kB", "5MB", "1GB" (powers of 1000), "100", "100B". Not negative.
absl::StatusOr<int64_t> ParseBytes(std::string_view text);

// true, yes, on, 1 and false, no, off, 0, in any case.
absl::StatusOr<bool> ParseBool(std::string_view text);

// Decimal; out of [min, max] is an error.
absl::StatusOr<int64_t> ParseInteger(std::string_view text, int64_t min, int64_t max);

// Finite.
absl::StatusOr<double> ParseDouble(std::string_view text);

// The shortest exact form in the units above: 268435456 is "256MiB".
std::string FormatBytes(int64_t bytes);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_UNITS_H_
