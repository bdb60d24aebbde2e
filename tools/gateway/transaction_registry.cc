#include "tools/gateway/transaction_registry.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "tools/gateway/event.h"

namespace once::gateway {

std::string_view NameOf(TransactionState state) {
  constexpr std::string_view kNames[] = {"open", "committed", "aborted", "expired", "unknown"};
  return kNames[static_cast<int>(state)];
}

TransactionRegistry::TransactionRegistry(std::string instance, int slots, absl::Duration remember, size_t most_ended)
    : instance_(std::move(instance)), slots_(static_cast<size_t>(slots)), remember_(remember), most_ended_(most_ended) {
  for (int i = slots - 1; i >= 0; --i) free_.push_back(i);
}

absl::StatusOr<std::pair<std::string, int>> TransactionRegistry::Open() {
  if (free_.empty()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", slots_, " open transactions already (--max_transactions); ask again"));
  }
  const int slot = free_.back();
  free_.pop_back();
  const std::string id = absl::StrCat(instance_, ".", RandomId());
  known_[id] = {.slot = slot};
  return std::pair(id, slot);
}

std::optional<TransactionView> TransactionRegistry::Find(const std::string& id) const {
  const auto found = known_.find(id);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

void TransactionRegistry::End(const std::string& id, TransactionState state, std::string words, absl::Time now) {
  const auto found = known_.find(id);
  if (found == known_.end() || found->second.state != TransactionState::kOpen) return;
  free_.push_back(found->second.slot);
  found->second = {.slot = -1, .state = state, .words = std::move(words)};
  ended_.emplace_back(now, id);
  Forget(now);
}

void TransactionRegistry::Forget(absl::Time now) {
  while (!ended_.empty() && (ended_.size() > most_ended_ || now - ended_.front().first >= remember_)) {
    known_.erase(ended_.front().second);
    ended_.pop_front();
  }
}

bool TransactionRegistry::IsOurs(std::string_view id) const {
  const size_t dot = id.rfind('.');
  return dot != std::string_view::npos && id.substr(0, dot) == instance_;
}

}  // namespace once::gateway
