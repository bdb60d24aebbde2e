#include "topology.h"

#include <cstdint>
#include <utility>

#include "page_counter.pb.h"

using page_counter_v1::PageTotal;
using page_counter_v1::PageViewed;

absl::StatusOr<once::Topology> BuildTopology(const once::Config& config) {
  once::TopologyBuilder builder("page-counter");
  auto views = builder.AddSource("views", {.topic = config.Get("input_topic", "page-views")});
  auto totals = builder.AddSink<int64_t>("totals", {.topic = config.Get("output_topic", "page-totals")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "page-views.dlq"));
  builder.AddAggregate<PageTotal>("page").EmitsTo(totals).On<PageViewed>(
      views, [totals](const PageViewed& view, auto& page) {
        if (view.milliseconds() < 0) return absl::InvalidArgumentError("milliseconds must not be negative");
        PageTotal& total = *page.mutable_state();
        total.set_views(total.views() + 1);
        total.set_milliseconds(total.milliseconds() + view.milliseconds());
        page.Emit(totals, total.views());
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}
