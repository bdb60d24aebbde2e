// What handlers do wrong is an error of their event, told with the node's name and one fix.
#include "processor/typed/context_core.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "processor/base/arena.h"
#include "processor/base/own_headers.h"
#include "processor/base/strings.h"

namespace once::internal {

namespace {

// Of the first header that has one; empty: none has.
template <typename Headers>
std::string FirstMistake(const Headers& headers, std::string (*mistake_of)(std::string_view name)) {
  for (const auto& [name, value] : headers) {
    if (std::string mistake = mistake_of(name); !mistake.empty()) return mistake;
  }
  return "";
}

}  // namespace

void ContextCore::SetError(absl::Status error) {
  // The first mistake is the one to look for.
  if (error_.ok()) error_ = std::move(error);
}

void ContextCore::SetEncodeError(std::string_view does, const absl::Status& why) {
  SetError(absl::Status(why.code(), absl::StrCat("\"", node_->name, "\" ", ToAbsl(does), why.message())));
}

void ContextCore::SetKeyError(std::string_view bytes, std::string_view type, const absl::Status& why) {
  SetError(absl::FailedPreconditionError(
      absl::StrCat("the key \"", Printable(bytes), "\" is no ", ToAbsl(type), ": ", why.message())));
}

void ContextCore::EmitTo(uint64_t builder, SinkIndex sink, OptionalBytes key, OptionalBytes value, Headers headers,
                         Headers format_headers) {
  if (!MayEmit(builder, sink)) return;
  if (!headers.empty() && !MayAdd(headers)) return;
  if (!format_headers.empty() && !MayAddAsFormat(format_headers)) return;
  std::span<const HeaderView> kept;
  if (const size_t count = headers.size() + format_headers.size(); count > 0) {
    // The caller's strings may be gone when the event is merged.
    Arena& arena = event_->arena();
    HeaderView* const copies = arena.NewArray<HeaderView>(count);
    HeaderView* end = copies;
    for (const Headers each : {headers, format_headers}) {
      for (const auto& [name, text] : each) *end++ = {arena.Copy(name), arena.Copy(text)};
    }
    kept = {copies, count};
  }
  event_->Emit({.sink = sink, .key = key, .value = value, .headers = kept});
}

void ContextCore::ForwardTo(uint64_t builder, SinkIndex sink) {
  if (!MayEmit(builder, sink)) return;
  // As they came: no codec is called.
  event_->Emit({.sink = sink, .forward = true, .key = event_->record().key, .value = event_->record().value});
}

bool ContextCore::MayEmit(uint64_t builder, SinkIndex sink) {
  const auto& allowed = node_->emits_to;
  if (builder == node_->builder && std::find(allowed.begin(), allowed.end(), sink) != allowed.end()) return true;
  SetError(absl::InternalError(absl::StrCat("\"", node_->name,
                                            "\" emits to a sink that its EmitsTo does not name;"
                                            " add the sink there")));
  return false;
}

bool ContextCore::MayAdd(Headers headers) {
  const std::string mistake = FirstMistake(headers, HandlerHeaderMistake);
  if (mistake.empty()) return true;
  SetError(absl::InvalidArgumentError(absl::StrCat("\"", node_->name, "\" emits a ", mistake)));
  return false;
}

bool ContextCore::MayAddAsFormat(Headers headers) {
  const std::string mistake = FirstMistake(headers, FormatHeaderMistake);
  if (mistake.empty()) return true;
  SetError(absl::InternalError(absl::StrCat("\"", node_->name, "\" emits a value whose format adds a ", mistake)));
  return false;
}

}  // namespace once::internal
