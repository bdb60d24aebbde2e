// R1, X3: an event that no record can hold is held by reference, so that it can be run when its turn comes, and be sent
// back from its dead letter.
#include "processor/engine/kept_values.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/guarded.h"
#include "processor/base/own_headers.h"
#include "processor/base/strings.h"

namespace once {

namespace {

// No protobuf message and no JSON: who knows nothing of it fails, instead of reading an empty message.
constexpr std::string_view kKeptValue =
    "once: this value lies in a blob store, and the header once.kept says which it is";

}  // namespace

bool IsKeptForm(OptionalBytes value, OptionalBytes reference) { return value == kKeptValue && reference.has_value(); }

absl::StatusOr<std::string> FetchValue(LargeValues* values, std::string_view reference) {
  std::string fetched;
  const absl::Status status = Guarded(absl::StatusCode::kInternal, "the store of large values", [&] {
    absl::StatusOr<std::string> value = values->Fetch(reference);
    if (value.ok()) fetched = *std::move(value);
    return value.status();
  });
  if (!status.ok()) return status;
  return fetched;
}

KeptValues::KeptValues(LargeValues* values, LogSink* log)
    : values_(values),
      log_(log),
      unkept_(LogLevel::kWarning, "values too large to be parked or dead-lettered could not be put into the blob store",
              "they are still at their events' places; see that the store takes them") {}

std::optional<RecordView> KeptValues::Keep(const RecordView& record, Arena* arena) {
  if (values_ == nullptr || !record.value.has_value() || record.value->empty()) return std::nullopt;
  if (FindHeader(record.headers, kKeptHeader).has_value()) return std::nullopt;
  if (kept_ != record.value->data()) {
    kept_ = nullptr;
    const absl::Status kept = Guarded(absl::StatusCode::kInternal, "the store of large values", [&] {
      absl::StatusOr<std::string> reference = values_->Keep(*record.value);
      if (reference.ok()) reference_ = *std::move(reference);
      return reference.status();
    });
    if (!kept.ok()) {
      unkept_.Count([&] { return OneLine(kept.ToString()); });
      return std::nullopt;
    }
    kept_ = record.value->data();
  }
  HeaderView* const headers = arena->NewArray<HeaderView>(record.headers.size() + 1);
  std::copy(record.headers.begin(), record.headers.end(), headers);
  headers[record.headers.size()] = {kKeptHeader, arena->Copy(reference_)};
  RecordView kept = record;
  kept.value = kKeptValue;
  kept.headers = {headers, record.headers.size() + 1};
  return kept;
}

bool KeptValues::IsKept(const RecordView& record) const {
  return values_ != nullptr && IsKeptForm(record.value, FindHeader(record.headers, kKeptHeader));
}

absl::StatusOr<RecordView> KeptValues::Fetch(const RecordView& record, Arena* arena) {
  absl::StatusOr<std::string> fetched = FetchValue(values_, *FindHeader(record.headers, kKeptHeader));
  if (!fetched.ok()) return fetched.status();
  fetched_.push_back(std::make_unique<std::string>(*std::move(fetched)));
  RecordView whole = record;
  whole.value = *fetched_.back();
  // What is forwarded of it is the event as it came.
  HeaderView* const headers = arena->NewArray<HeaderView>(record.headers.size());
  HeaderView* const end = std::copy_if(record.headers.begin(), record.headers.end(), headers,
                                       [](const HeaderView& header) { return header.name != kKeptHeader; });
  whole.headers = {headers, static_cast<size_t>(end - headers)};
  return whole;
}

void KeptValues::ReleaseStep(absl::Time now) {
  fetched_.clear();
  kept_ = nullptr;
  unkept_.Tell(now, log_);
}

}  // namespace once
