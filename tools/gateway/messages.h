// Reading a topic for people: some of its records, as JSON. No group, no offsets committed.
#ifndef ONCE_TOOLS_GATEWAY_MESSAGES_H_
#define ONCE_TOOLS_GATEWAY_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/kafka/kafka.h"
#include "tools/gateway/json.h"
#include "tools/gateway/types.h"

namespace once::gateway {

struct MessagesQuery {
  std::string topic = {};
  size_t count = 10;
  bool is_committed_only = true;
  bool is_from_first = false;               // The first ones instead of the last ones.
  std::optional<Partition> partition = {};  // Absent: all.
  std::optional<Offset> offset = {};        // The first ones from here on; with a partition only.
  std::string type = {};                    // Of records that do not say; empty: their bytes are shown.
};

inline constexpr size_t kMostMessages = 1000;

// InvalidArgument, with the name and what is right, for a query that is none.
absl::StatusOr<MessagesQuery> ParseMessagesQuery(const std::map<std::string, std::string>& query);

// {"topic", "partition", "offset", "timestamp_ms", "key", "type", "event_id", "headers", "value"}. Bytes that are no
// text are "key_base64" and "value_base64"; a value that is none of its type has "value_error" beside it.
Json MessageJson(std::string_view topic, const RecordView& record, const Types& types, const std::string& default_type);

// {"topic", "isolation", "messages": […], "next": {partition: offset}, "complete"}: in each partition in order, the
// partitions' by time. "complete" is false if not all that was asked for was read in time, or for size.
absl::StatusOr<Json> ReadMessages(const MessagesQuery& query, int32_t partition_count, kafka::Client* client,
                                  kafka::Admin* admin, const Types& types, absl::Time deadline);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_MESSAGES_H_
