// Who an event is: by its headers, or, where they do not say it, by what its source knows of its value.
#ifndef ONCE_PROCESSOR_ENGINE_EVENT_IDENTIFIER_H_
#define ONCE_PROCESSOR_ENGINE_EVENT_IDENTIFIER_H_

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "processor/base/record.h"
#include "processor/topology/graph.h"

namespace once {

// Not thread-safe; `graph` must outlive this.
class EventIdentifier {
 public:
  // Holds until the next call, and as long as the record.
  struct Identity {
    std::string_view id = {};                   // ce_id, or empty.
    std::string_view source = {};               // ce_source, or empty.
    std::optional<std::string_view> type = {};  // ce_type.
  };

  explicit EventIdentifier(const Graph* graph) : graph_(graph) {}

  // Sets what the headers say. `may_be_letter` (may be null) becomes true if there is one that all dead letters have.
  // Written in place, here and below: copies of what was written just now hold the processor up.
  static void ReadHeaders(std::span<const HeaderView> headers, Identity* identity, bool* may_be_letter) {
    // One pass for each event: of several headers of a name the last counts (FindHeader).
    for (const HeaderView& header : headers) {
      if (Is(header.name, "ce_id")) identity->id = header.value.value_or(std::string_view());
      if (Is(header.name, "ce_source")) identity->source = header.value.value_or(std::string_view());
      if (Is(header.name, "ce_type")) identity->type = header.value;
      if (may_be_letter != nullptr && Is(header.name, "once.origin")) *may_be_letter = true;
    }
  }

  // Adds what the source knows of the value to what ReadHeaders found.
  void Complete(SourceIndex source, const RecordView& record, Identity* identity) {
    const IdentifyEvent& identify = graph_->sources[source].identify;
    if (!identify || (!identity->id.empty() && identity->type.has_value())) return;
    if (!identify(record, &said_)) return;
    // E3: an ID goes with its source; what the headers say counts.
    if (identity->id.empty()) {
      identity->id = said_.id;
      identity->source = said_.source;
    }
    if (!identity->type.has_value()) identity->type = said_.type;
  }

  void Read(SourceIndex source, const RecordView& record, Identity* identity) {
    *identity = {};
    ReadHeaders(record.headers, identity, /*may_be_letter=*/nullptr);
    Complete(source, record, identity);
  }

 private:
  // Of a literal, so that it is compared as a number; and a name of another length is not touched.
  template <size_t kSize>
  static bool Is(std::string_view name, const char (&literal)[kSize]) {
    return name.size() == kSize - 1 && std::memcmp(name.data(), literal, kSize - 1) == 0;
  }

  const Graph* const graph_;
  EventIdentity said_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_EVENT_IDENTIFIER_H_
