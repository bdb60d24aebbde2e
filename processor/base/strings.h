// The one place where std::string_view and absl::string_view meet.
//
// Debian 12 builds Abseil with a string_view of its own, Debian 13 with an alias of the standard's; our interfaces
// say std::string_view and convert here.
#ifndef ONCE_PROCESSOR_BASE_STRINGS_H_
#define ONCE_PROCESSOR_BASE_STRINGS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace once {

inline absl::string_view ToAbsl(std::string_view text) { return absl::string_view(text.data(), text.size()); }
inline std::string_view ToStd(absl::string_view text) { return std::string_view(text.data(), text.size()); }

// Hash and equality by which maps keyed by std::string are searched with a std::string_view, without a copy.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const;
};
struct StringEq {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

// `text` fit for a log line or an error: printable ASCII as it is, all else as \xNN, cut after `max_bytes` with "...".
std::string Printable(std::string_view text, size_t max_bytes = 64);

// Text of others, for a line of the log: control characters (line breaks among them), what turns the direction of
// writing, and bytes that are no UTF-8 come as "\xNN", all else as it is. Doing it twice changes nothing more.
std::string OneLine(std::string_view text);
// The same for text that may have several lines: line breaks and tabs stay.
std::string PlainText(std::string_view text);

// The longest prefix of at most `bytes` bytes that cuts no UTF-8 sequence; of what is no UTF-8, at most three bytes
// less.
std::string_view CutUtf8(std::string_view text, size_t bytes);

// Whether `text` is valid UTF-8 (no surrogates, no overlong forms).
bool IsValidUtf8(std::string_view text);

// The closest of `candidates` to `word` by edit distance, or empty if none is near enough to be meant.
template <typename Range>
std::string ClosestMatch(std::string_view word, const Range& candidates);

// Levenshtein's distance.
size_t EditDistance(std::string_view a, std::string_view b);

template <typename Range>
std::string ClosestMatch(std::string_view word, const Range& candidates) {
  std::string best;
  size_t best_distance = word.size() / 3 + 2;
  for (const auto& candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = std::string(candidate);
    }
  }
  return best;
}

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_STRINGS_H_
