#include "tools/gateway/outcome_index.h"

#include <xxhash.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/gateway/json.h"

namespace once::gateway {

namespace {
constexpr int kFormat = 1;
// What a key costs beside its bytes.
constexpr size_t kEntryBytes = 200;
}  // namespace

std::string KeyOfRequest(std::string_view idempotency_key) { return absl::StrCat("k/", ToAbsl(idempotency_key)); }
std::string KeyOfTransaction(std::string_view transaction_id) { return absl::StrCat("t/", ToAbsl(transaction_id)); }

std::string EncodeOutcome(const Outcome& outcome) {
  return Json{
      {"format", kFormat}, {"request", outcome.request_hash}, {"answer", outcome.answer}, {"time_ms", outcome.time_ms}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Outcome> DecodeOutcome(std::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  const auto is = [&](const char* name, auto check) {
    const auto member = json.find(name);
    return member != json.end() && (*member.*check)();
  };
  const bool is_right = json.is_object() && is("format", &Json::is_number_unsigned) && json["format"] == kFormat &&
                        is("request", &Json::is_string) && is("answer", &Json::is_string) &&
                        is("time_ms", &Json::is_number_integer);
  if (!is_right)
    return absl::DataLossError(absl::StrCat("\"", Printable(text), "\" is no outcome of format ", kFormat));
  return Outcome{.request_hash = json["request"].get<std::string>(),
                 .answer = json["answer"].get<std::string>(),
                 .time_ms = json["time_ms"].get<int64_t>()};
}

std::string HashOf(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

size_t OutcomeIndex::BytesOf(const std::string& key, const Outcome& outcome) {
  return 2 * key.size() + outcome.answer.size() + outcome.request_hash.size() + kEntryBytes;
}

void OutcomeIndex::Add(const std::string& key, Outcome outcome, absl::Time wall) {
  // A stamp of the future would keep all that comes behind it.
  outcome.time_ms = std::min(outcome.time_ms, absl::ToUnixMillis(wall));
  if (absl::FromUnixMillis(outcome.time_ms) + retention_ <= wall) return;
  const size_t bytes = BytesOf(key, outcome);
  if (!outcomes_.emplace(key, std::move(outcome)).second) return;
  by_age_.push_back(key);
  bytes_ += bytes;
  while (bytes_ > max_bytes_ && by_age_.size() > 1) {
    DropOldest();
    ++dropped_;
  }
}

std::optional<Outcome> OutcomeIndex::Find(std::string_view key) const {
  const auto found = outcomes_.find(key);
  if (found == outcomes_.end()) return std::nullopt;
  return found->second;
}

void OutcomeIndex::Expire(absl::Time wall) {
  while (!by_age_.empty()) {
    const Outcome& oldest = outcomes_.find(by_age_.front())->second;
    if (absl::FromUnixMillis(oldest.time_ms) + retention_ > wall) return;
    DropOldest();
  }
}

void OutcomeIndex::DropOldest() {
  const auto oldest = outcomes_.find(by_age_.front());
  bytes_ -= BytesOf(oldest->first, oldest->second);
  outcomes_.erase(oldest);
  by_age_.pop_front();
}

}  // namespace once::gateway
