// Versions of librdkafka that are known to be bad.
#include <librdkafka/rdkafka.h>

#include "absl/strings/str_format.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::kafka {
namespace {

constexpr int Version(int major, int minor, int patch) { return (major << 24) | (minor << 16) | (patch << 8); }

struct BadRange {
  int first;
  int last;  // Inclusive.
  const char* problem;
};

// Warned of and not refused, since a distribution may have mended its own.
constexpr BadRange kBadRanges[] = {
    {Version(0, 0, 0), Version(2, 0, 1), "is older than any version that Once was tested with"},
    {Version(2, 2, 0), Version(2, 4, 0),
     "has known consumer and idempotent-producer faults that its later releases mend"},
    {Version(2, 5, 0), Version(2, 5, 0), "has known faults that 2.5.3 mends"},
    {Version(2, 10, 0), Version(2, 10, 0), "has known faults that 2.10.1 mends"},
};

std::string Text(int version) {
  return absl::StrFormat("%d.%d.%d", (version >> 24) & 0xff, (version >> 16) & 0xff, (version >> 8) & 0xff);
}

}  // namespace

std::string LibrdkafkaVersion() { return Text(rd_kafka_version()); }

std::optional<std::string> KnownBadVersion(int version) {
  // The last byte counts release candidates.
  const int release = version & ~0xff;
  for (const BadRange& range : kBadRanges) {
    if (release < range.first || release > range.last) continue;
    return absl::StrFormat("librdkafka %s %s; use 2.0.2, 2.8.0 or a later one", Text(version), range.problem);
  }
  return std::nullopt;
}

std::optional<std::string> KnownBadVersion() { return KnownBadVersion(rd_kafka_version()); }

}  // namespace once::kafka
