// Packed records of event IDs: any sequence of them is refused or leaves a window that remembers what they say, goes on
// working, and is the same again after a restart.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "state/changelog.h"
#include "state/idempotency_window.h"
#include "tests/fuzz/input.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

constexpr int kMaxRecords = 8;

uint64_t BigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (const char c : bytes.substr(0, 8)) number = number << 8 | static_cast<uint8_t>(c);
  return number;
}

// Of few values, so that records meet.
uint64_t BucketNumber(fuzz::Input* input) { return input->Flag() ? input->Choice(8) : input->Number(); }

class Scene {
 public:
  void Load(fuzz::Input* input) {
    for (int i = 0; i < kMaxRecords && !input->empty(); ++i) {
      const ChangelogKey key{
          .kind = ChangelogKind::kEventIds, .bucket = BucketNumber(input), .sequence = BucketNumber(input)};
      OptionalBytes value = input->MaybeBytes();
      const bool keep_whole_ids = input->Flag();
      if (value.has_value() && keep_whole_ids) value = value->substr(0, value->size() / 16 * 16);
      const absl::Status loaded = window_.Load(key, value);
      if (!loaded.ok()) {
        ONCE_CHECK(absl::IsDataLoss(loaded));
        continue;
      }
      // No window takes IDs away that are in no other record: a restart forgets them.
      const bool is_first = records_.insert({key.bucket, key.sequence}).second;
      if (!is_first || !value.has_value()) ids_were_lost_ = true;
      state_.ApplyCommitted(EventIdsKey(key.bucket, key.sequence), value);
      if (value.has_value()) Note(key, *value);
    }
    CheckModel();
  }

  void GoOn(fuzz::Input* input) {
    const EventIdHash fresh{.high = input->Number(), .low = 0x1234567890};
    const bool is_new = window_.Reserve(fresh);
    ONCE_CHECK(!window_.Reserve(fresh));
    ONCE_CHECK(window_.Seal(input->Signed(), &state_).ok());
    state_.CommitEpoch();
    window_.CommitEpoch();
    ids_.emplace(fresh.high, fresh.low);
    if (is_new) ONCE_CHECK(Contains(&window_, fresh));
    CheckRestart();
  }

 private:
  static bool Contains(IdempotencyWindow* window, const EventIdHash& id) {
    if (!window->Reserve(id)) return true;
    window->Release(id);
    return false;
  }

  void Note(const ChangelogKey& key, std::string_view value) {
    if (key.bucket == 0) {
      horizon_ = std::max(horizon_, BigEndian(value));
      return;
    }
    for (; !value.empty(); value.remove_prefix(16)) {
      std::pair<uint64_t, uint64_t> id{BigEndian(value), BigEndian(value.substr(8))};
      if (id.first == 0 && id.second == 0) id.second = 1;  // The table keeps them as one.
      uint64_t& newest = newest_bucket_[id];
      newest = std::max(newest, key.bucket);
      ids_.insert(id);
    }
  }

  // Whatever the order of the records: in the window are the IDs of buckets beyond the horizon.
  void CheckModel() {
    int64_t expected = 0;
    for (const auto& [id, bucket] : newest_bucket_) {
      ONCE_CHECK(Contains(&window_, {.high = id.first, .low = id.second}) == (bucket > horizon_));
      if (bucket > horizon_) ++expected;
    }
    window_.DropEpoch();
    ONCE_CHECK(window_.size() == expected);
  }

  void CheckRestart() {
    IdempotencyWindow restarted(kOptions);
    const absl::Status scanned = state_.Scan(KindPrefix(ChangelogKind::kEventIds), [&](auto key, auto value) {
      const absl::StatusOr<ChangelogKey> parsed = ParseChangelogKey(key);
      ONCE_CHECK(parsed.ok() && restarted.Load(*parsed, value).ok());
      return true;
    });
    ONCE_CHECK(scanned.ok());
    ONCE_CHECK(ids_were_lost_ ? restarted.size() <= window_.size() : restarted.size() == window_.size());
    for (const auto& [high, low] : ids_) {
      const EventIdHash id{.high = high, .low = low};
      const bool is_known = Contains(&window_, id);
      ONCE_CHECK(Contains(&restarted, id) == is_known || (is_known && ids_were_lost_));
    }
  }

  static constexpr IdempotencyWindow::Options kOptions = {.retention = absl::Hours(24), .max_ids = 64};
  MemoryCheckpointStore store_;
  TaskState state_{&store_, TaskPrefix("orders", Partition(0))};
  IdempotencyWindow window_{kOptions};
  uint64_t horizon_ = 0;
  std::set<std::pair<uint64_t, uint64_t>> records_;
  bool ids_were_lost_ = false;
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> newest_bucket_;
  std::set<std::pair<uint64_t, uint64_t>> ids_;
};

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  once::Scene scene;
  scene.Load(&input);
  scene.GoOn(&input);
  return 0;
}
