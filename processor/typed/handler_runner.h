// From the engine's bytes to the user's code and back: decode, call, store.
//
// All of the user's code that runs for an event is called from here or by way of its context, and guarded there: what
// it throws fails the event (rule X3). The context's type is a parameter: nothing here knows what handlers are given.
#ifndef ONCE_PROCESSOR_TYPED_HANDLER_RUNNER_H_
#define ONCE_PROCESSOR_TYPED_HANDLER_RUNNER_H_

#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "processor/base/guarded.h"
#include "processor/topology/graph.h"
#include "processor/topology/graph_builder.h"
#include "processor/typed/codec_calls.h"
#include "processor/typed/handler_checks.h"

namespace once::internal {

// `Context` is made for each call, out of the event, the node and a `Context::Scratch` that is kept between events; its
// Finish() turns the handler's verdict into the event's.
//
// `Decoder` decodes by `absl::Status Decode(const RecordView&, Event*)`; null: Event's codec does.
template <typename Event, typename Context, typename Handler, typename Decoder>
class TypedRunner final : public HandlerRunner {
 public:
  TypedRunner(const Handler& handler, std::shared_ptr<const NodeInfo> node, std::unique_ptr<Decoder> decoder)
      : handler_(handler), node_(std::move(node)), decoder_(std::move(decoder)) {}

  absl::Status Run(EventContext& raw) override {
    Context context(&raw, node_.get(), &scratch_);
    return context.Finish(Call(raw, context));
  }

 private:
  absl::Status Call(const EventContext& raw, Context& context) {
    if constexpr (std::is_same_v<Event, NoValue>) {
      return Guarded(absl::StatusCode::kInternal, "the handler", [&]() -> absl::Status { return handler_(context); });
    } else {
      const absl::Status decoded = Decode(raw.record());
      if (!decoded.ok()) {
        return absl::Status(decoded.code(), absl::StrCat("the value cannot be decoded: ", decoded.message()));
      }
      return Guarded(absl::StatusCode::kInternal, "the handler",
                     [&]() -> absl::Status { return handler_(event_, context); });
    }
  }

  // A codec knows nothing that could be wrong for a while: whatever its error is, the bytes are bad. A format may.
  absl::Status Decode(const RecordView& record) {
    if constexpr (HasCodec<Event>) {
      if (decoder_ == nullptr) {
        const absl::Status decoded = DecodeBytes(record.value.value_or(std::string_view()), &event_);
        return decoded.ok() ? decoded : absl::DataLossError(decoded.message());
      }
    }
    return Guarded(absl::StatusCode::kDataLoss, "the format", [&] { return decoder_->Decode(record, &event_); });
  }

  const Handler handler_;  // The worker's own copy.
  const std::shared_ptr<const NodeInfo> node_;
  const std::unique_ptr<Decoder> decoder_;
  typename Context::Scratch scratch_;
  Event event_;  // Kept between events, with the memory that it has.
};

// Stands in for a runner that could not be made, since copying the handler threw: each event tries again, and fails
// until that works.
class LateRunner final : public HandlerRunner {
 public:
  using Maker = std::function<std::unique_ptr<HandlerRunner>()>;

  // The runner that `maker` makes, or one that makes it later.
  static std::unique_ptr<HandlerRunner> MakeNow(std::shared_ptr<const Maker> maker);

  explicit LateRunner(std::shared_ptr<const Maker> maker) : maker_(std::move(maker)) {}

  absl::Status Run(EventContext& context) override;

 private:
  absl::Status Make();

  const std::shared_ptr<const Maker> maker_;
  std::unique_ptr<HandlerRunner> runner_;
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_TYPED_HANDLER_RUNNER_H_
