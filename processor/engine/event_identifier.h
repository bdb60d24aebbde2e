// Who an event is: by its headers, or, where they do not say it, by what its source knows of its value.
#ifndef ONCE_PROCESSOR_ENGINE_EVENT_IDENTIFIER_H_
#define ONCE_PROCESSOR_ENGINE_EVENT_IDENTIFIER_H_

#include <optional>
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

  Identity Of(SourceIndex source, const RecordView& record) {
    Identity identity{.id = FindHeader(record.headers, "ce_id").value_or(std::string_view()),
                      .source = FindHeader(record.headers, "ce_source").value_or(std::string_view()),
                      .type = FindHeader(record.headers, "ce_type")};
    const IdentifyEvent& identify = graph_->sources[source].identify;
    if (!identify || (!identity.id.empty() && identity.type.has_value())) return identity;
    if (!identify(record, &said_)) return identity;
    // E3: an ID goes with its source; what the headers say counts.
    if (identity.id.empty()) {
      identity.id = said_.id;
      identity.source = said_.source;
    }
    if (!identity.type.has_value()) identity.type = said_.type;
    return identity;
  }

 private:
  const Graph* const graph_;
  EventIdentity said_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_EVENT_IDENTIFIER_H_
