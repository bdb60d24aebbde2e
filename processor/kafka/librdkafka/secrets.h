// Properties that are secrets, their files, and what becomes of a file that changes.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_SECRETS_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_SECRETS_H_

#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "processor/base/log.h"

namespace once::kafka {

// What the file of the property `name` holds, without one line break at its end. InvalidArgument if it cannot be read,
// is empty, holds a zero byte, or is larger than 64 KiB: the message names the file and says nothing of what is in it.
absl::StatusOr<std::string> ReadSecretFile(const std::string& name, const std::string& path);

// The secrets of a client, of which some stand in files: "sasl.password.file" is the path of what sasl.password is.
// Files are looked at every second. A SASL user name or password that has changed goes to all handles, which use it
// when they connect again; what else has changed is for handles that are made from then on. A file that cannot be read
// any more is told of once, and the former value stays. Thread-safe.
class Secrets {
 public:
  // Of all properties that a user has set; reads the files, and fails as ReadSecretFile. `log` must outlive it.
  static absl::StatusOr<std::shared_ptr<Secrets>> Load(const std::map<std::string, std::string>& properties,
                                                       LogSink* log);
  ~Secrets();
  Secrets(const Secrets&) = delete;
  Secrets& operator=(const Secrets&) = delete;

  // The properties whose values come from files, as those were last read.
  std::map<std::string, std::string> values() const;

  // A token; of those only the last ones are remembered.
  void Keep(const std::string& secret);

  // `text` without any value that is or was secret.
  std::string Redact(std::string text) const;

  // A handle that hears of new credentials until it is removed, which it must be before it ends.
  void Add(rd_kafka_t* rk);
  void Remove(rd_kafka_t* rk);

  // What happens every second.
  void Look();

 private:
  struct State;
  explicit Secrets(std::shared_ptr<State> state);

  // Shared with the thread that reads, which a disk that stands still may hold up for ever.
  const std::shared_ptr<State> state_;
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_SECRETS_H_
