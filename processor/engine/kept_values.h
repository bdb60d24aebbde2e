// Events whose value lies in the topology's LargeValues, since a changelog or the dead-letter topic has no room for it:
// such an event is as it came, but for the header once.kept, which has the reference, and for its value, which says so.
#ifndef ONCE_PROCESSOR_ENGINE_KEPT_VALUES_H_
#define ONCE_PROCESSOR_ENGINE_KEPT_VALUES_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/arena.h"
#include "processor/base/large_values.h"
#include "processor/base/log.h"
#include "processor/base/record.h"
#include "processor/engine/tally.h"

namespace once {

// Whether a record is of that form, by its value and by what its header once.kept says.
bool IsKeptForm(OptionalBytes value, OptionalBytes reference);
// The value of a reference. Nothing that the store throws goes further: INTERNAL then.
absl::StatusOr<std::string> FetchValue(LargeValues* values, std::string_view reference);

// Not thread-safe. Arguments must outlive this.
class KeptValues {
 public:
  // Without `values` nothing is kept, and events that were are as they are.
  KeptValues(LargeValues* values, LogSink* log);

  // The event with a reference, which is safe by then; its bytes in the arena or the record's. Nothing if there is
  // nowhere to keep it, or it is kept already, or that failed, which is told.
  std::optional<RecordView> Keep(const RecordView& record, Arena* arena);
  // Whether Fetch is needed before anybody reads the value.
  bool IsKept(const RecordView& record) const;
  // The whole event, of one that IsKept. Its value lives until ReleaseStep, the rest as the record or the arena.
  absl::StatusOr<RecordView> Fetch(const RecordView& record, Arena* arena);

  // The step's outputs were taken: what they pointed to may go.
  void ReleaseStep(absl::Time now);

 private:
  LargeValues* const values_;
  LogSink* const log_;
  std::vector<std::unique_ptr<std::string>> fetched_;
  // Of this step, since an event that is parked has a notice as well: whose value, and the reference.
  const char* kept_ = nullptr;
  std::string reference_;
  Tally unkept_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_KEPT_VALUES_H_
