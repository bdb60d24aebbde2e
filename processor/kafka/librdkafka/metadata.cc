// T6: who the consumer is to its group, as librdkafka knows it at this moment.
#include "processor/kafka/librdkafka/metadata.h"

#include <string.h>

#include "processor/kafka/librdkafka/handles.h"

namespace once::kafka {

// Before 2.12 librdkafka has no accessors for the generation and the member id. What it has is a serialized form, for
// handing the metadata to another process, and that it has kept since 1.9:
//   "CGMDv2:" generation (int32, host order) group id NUL member id NUL ...
GroupMetadata ParseGroupMetadata(std::string_view serialized) {
  constexpr std::string_view kMagic = "CGMDv2:";
  GroupMetadata group;
  if (!serialized.starts_with(kMagic)) return group;
  serialized.remove_prefix(kMagic.size());
  int32_t generation = -1;
  if (serialized.size() < sizeof(generation)) return group;
  memcpy(&generation, serialized.data(), sizeof(generation));
  serialized.remove_prefix(sizeof(generation));
  const size_t group_end = serialized.find('\0');
  if (group_end == std::string_view::npos) return group;
  serialized.remove_prefix(group_end + 1);
  const size_t member_end = serialized.find('\0');
  if (member_end == std::string_view::npos) return group;
  group.generation = generation;
  group.member_id = std::string(serialized.substr(0, member_end));
  return group;
}

GroupMetadata ReadGroupMetadata(rd_kafka_t* rk) {
  rd_kafka_consumer_group_metadata_t* metadata = rd_kafka_consumer_group_metadata(rk);
  if (metadata == nullptr) return {};
  const std::shared_ptr<const void> native(
      metadata, [](rd_kafka_consumer_group_metadata_t* owned) { rd_kafka_consumer_group_metadata_destroy(owned); });
  void* buffer = nullptr;
  size_t size = 0;
  const ErrorPtr error(rd_kafka_consumer_group_metadata_write(metadata, &buffer, &size));
  if (error != nullptr) return {};
  GroupMetadata group = ParseGroupMetadata(std::string_view(static_cast<const char*>(buffer), size));
  rd_kafka_mem_free(rk, buffer);
  group.native = native;
  return group;
}

}  // namespace once::kafka
