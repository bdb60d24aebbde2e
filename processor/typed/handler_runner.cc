// Copying a handler runs the user's code too (what it captures), so it is guarded like the handler itself (X3).
#include "processor/typed/handler_runner.h"

namespace once::internal {

std::unique_ptr<HandlerRunner> LateRunner::MakeNow(std::shared_ptr<const Maker> maker) {
  auto late = std::make_unique<LateRunner>(std::move(maker));
  if (late->Make().ok()) return std::move(late->runner_);
  // X3: its events fail, one by one, and the start does not.
  return late;
}

absl::Status LateRunner::Run(EventContext& context) {
  const absl::Status made = Make();
  return made.ok() ? runner_->Run(context) : made;
}

absl::Status LateRunner::Make() {
  if (runner_ != nullptr) return absl::OkStatus();
  return Guarded(absl::StatusCode::kInternal, "copying the handler for a worker", [this] {
    runner_ = (*maker_)();
    return absl::OkStatus();
  });
}

}  // namespace once::internal
