// Answers about transactions.
#ifndef ONCE_TOOLS_GATEWAY_ANSWERS_H_
#define ONCE_TOOLS_GATEWAY_ANSWERS_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "processor/http/message.h"
#include "tools/gateway/event.h"
#include "tools/gateway/outcome_index.h"

namespace once::gateway {

// The body of a committed transaction's answer.
std::string CommittedAnswer(std::string_view transaction_id, std::span<const Event> events);

// Status 200 with that body; `is_replayed`: it was given before.
http::Response Committed(const std::string& answer, bool is_replayed);

// What a request with a key is answered whose outcome is known: the same again, or, of another body, 422.
http::Response Replay(const Outcome& outcome, std::string_view request_hash);

// Of a transaction that is not committed and never will be: {"error": …, "outcome": "not committed"}.
http::Response NotCommitted(const absl::Status& why);
// 504, of one of which nobody knows yet.
http::Response OutcomeUnknown();

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_ANSWERS_H_
