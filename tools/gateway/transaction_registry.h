// Which explicit transactions there are, which slot each has, and how those of late ended.
#ifndef ONCE_TOOLS_GATEWAY_TRANSACTION_REGISTRY_H_
#define ONCE_TOOLS_GATEWAY_TRANSACTION_REGISTRY_H_

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace once::gateway {

enum class TransactionState { kOpen, kCommitted, kAborted, kExpired, kUnknown };

// "open", "committed", "aborted", "expired", "unknown".
std::string_view NameOf(TransactionState state);

struct TransactionView {
  int slot = -1;  // Of an open one.
  TransactionState state = TransactionState::kOpen;
  std::string words = {};  // The answer of a committed one; why another one ended.
};

// Not thread-safe. Times are of the steady clock. The number of open ones is that of the slots; of those that have
// ended the last `most_ended` are remembered, for `remember`.
class TransactionRegistry {
 public:
  TransactionRegistry(std::string instance, int slots, absl::Duration remember, size_t most_ended);

  // The new one's id, which nobody guesses and which begins with the instance's, and its slot. ResourceExhausted if all
  // are taken.
  absl::StatusOr<std::pair<std::string, int>> Open();
  // Nothing is known of it: it never was, or ended long ago.
  std::optional<TransactionView> Find(const std::string& id) const;
  // Frees its slot. Of one that is open; what has ended stays as it is.
  void End(const std::string& id, TransactionState state, std::string words, absl::Time now);
  // Forgets what ended `remember` ago.
  void Forget(absl::Time now);
  // Whether an id is of this instance.
  bool IsOurs(std::string_view id) const;

  size_t open_count() const { return slots_ - free_.size(); }

 private:
  const std::string instance_;
  const size_t slots_;
  const absl::Duration remember_;
  const size_t most_ended_;
  std::vector<int> free_;
  std::map<std::string, TransactionView> known_;
  std::deque<std::pair<absl::Time, std::string>> ended_;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_TRANSACTION_REGISTRY_H_
