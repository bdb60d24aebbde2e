// Parked events in short: what a view of a million of them keeps of each.
#ifndef ONCE_PROCESSOR_CLI_BRIEFS_H_
#define ONCE_PROCESSOR_CLI_BRIEFS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "processor/base/strings.h"

namespace once::cli {

// Bytes that are a name: few different ones, of many events.
class Names {
 public:
  uint32_t NumberOf(std::string_view name) {
    const auto found = numbers_.find(name);
    if (found != numbers_.end()) return found->second;
    names_.emplace_back(name);
    numbers_.emplace(std::string(name), static_cast<uint32_t>(names_.size() - 1));
    return static_cast<uint32_t>(names_.size() - 1);
  }
  const std::string& NameOf(uint32_t number) const { return names_[number]; }

 private:
  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, uint32_t, StringHash, StringEq> numbers_;
};

// A parked event, in short.
struct Brief {
  int64_t offset = -1;  // -1: it is gone.
  uint32_t topic = 0;
  uint32_t type = 0;
};

// Of the bytes of a v1::ParkedEvent, without parsing its value. Nothing if they are none.
std::optional<Brief> ReadBrief(std::string_view bytes, Names* names);

// The events of one queue, by their sequences, which follow each other.
class Briefs {
 public:
  void Put(uint64_t sequence, const Brief& brief) {
    if (briefs_.empty()) first_ = sequence;
    // Sequences far apart are no queue's: its oldest events are long gone.
    if (sequence < first_ || sequence - first_ > briefs_.size() + kMaxGap) {
      briefs_.clear();
      first_ = sequence;
    }
    if (sequence - first_ >= briefs_.size()) briefs_.resize(sequence - first_ + 1);
    briefs_[sequence - first_] = brief;
  }
  void Drop(uint64_t sequence) {
    if (sequence < first_ || sequence - first_ >= briefs_.size()) return;
    briefs_[sequence - first_].offset = -1;
    if (sequence - first_ + 1 == briefs_.size()) briefs_.pop_back();
  }
  std::optional<Brief> Find(uint64_t sequence) const {
    if (sequence < first_ || sequence - first_ >= briefs_.size()) return std::nullopt;
    const Brief& brief = briefs_[sequence - first_];
    return brief.offset < 0 ? std::nullopt : std::make_optional(brief);
  }

 private:
  static constexpr uint64_t kMaxGap = 1'000'000;
  uint64_t first_ = 0;
  std::vector<Brief> briefs_;
};

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_BRIEFS_H_
