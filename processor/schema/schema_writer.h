// Under which schema a sink writes: found once, at the start or when it is first needed, and kept until the next start.
#ifndef ONCE_PROCESSOR_SCHEMA_SCHEMA_WRITER_H_
#define ONCE_PROCESSOR_SCHEMA_SCHEMA_WRITER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/mutex.h"
#include "processor/schema/schema_options.h"
#include "processor/schema/schema_registry.h"

namespace once::internal {

std::string SubjectFor(const SchemaOptions& options, const std::string& topic, const std::string& type_name);

// What differs from format to format.
struct ProgramSchema {
  // The program's own schema, its references looked up, or registered if `registers`. Blocks.
  std::function<absl::StatusOr<Schema>(SchemaRegistry* registry, bool registers)> own;
  // OK if what the program writes may stand under `latest`; FailedPrecondition says what differs. May block.
  std::function<absl::Status(SchemaRegistry* registry, const std::string& subject, const ResolvedSchema& latest)> check;
  // What goes between the frame and the value. Empty: nothing.
  std::function<absl::StatusOr<std::string>(const ResolvedSchema& schema)> after_frame = {};
};

// Thread-safe.
class SchemaWriter {
 public:
  struct Ready {
    std::shared_ptr<const ResolvedSchema> schema;
    std::string prefix;  // The frame and what comes after it.
  };

  SchemaWriter(std::shared_ptr<SchemaCache> cache, std::string subject, SchemaUse use, ProgramSchema program);
  ~SchemaWriter();

  // Blocks until it is found, or cannot be.
  absl::Status FindNow();
  // Unavailable while it is not known; lives as long as the writer.
  absl::StatusOr<const Ready*> Get();

 private:
  static absl::StatusOr<ResolvedSchema> Find(SchemaRegistry* registry, const std::string& subject, SchemaUse use,
                                             const ProgramSchema& program);
  std::function<absl::StatusOr<ResolvedSchema>()> Finder() const;
  absl::StatusOr<const Ready*> Keep(absl::StatusOr<std::shared_ptr<const ResolvedSchema>> found);

  const std::shared_ptr<SchemaCache> cache_;
  const std::string subject_;
  const SchemaUse use_;
  const ProgramSchema program_;
  const std::string key_;
  std::atomic<const Ready*> ready_ = nullptr;  // Set once.
  Mutex mutex_;
  std::unique_ptr<const Ready> owned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_SCHEMA_WRITER_H_
