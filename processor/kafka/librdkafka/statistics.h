// What librdkafka says of an instance of its, every statistics.interval.ms.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_STATISTICS_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_STATISTICS_H_

#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include "processor/base/client_statistics.h"
#include "processor/base/mutex.h"

namespace once::kafka {

// Reads librdkafka's JSON (its STATISTICS.md, 2.0 to 2.14). What is missing is 0; nothing if it is no JSON object.
std::optional<ClientStatistics> ParseStatistics(std::string_view json);

// Keeps the newest text, and reads it when somebody asks: with a thousand partitions that is a megabyte.
class StatisticsBox final : public ClientStatisticsSource {
 public:
  // Takes over what librdkafka has allocated. For the thread that polls: copies and reads nothing.
  void Put(char* json, size_t size);
  std::shared_ptr<const ClientStatistics> Look() override;

 private:
  struct Freed {
    void operator()(char* text) const { std::free(text); }
  };
  struct Text {
    std::unique_ptr<char, Freed> bytes = {};
    size_t size = 0;
  };

  Mutex mutex_;
  Text newest_ ABSL_GUARDED_BY(mutex_);
  // Held while a text is read; who polls does not wait for it.
  Mutex reading_;
  std::shared_ptr<const ClientStatistics> read_ ABSL_GUARDED_BY(reading_);
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_STATISTICS_H_
