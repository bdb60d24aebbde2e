// The registry is asked at the start, and on the hot path a pointer is read.
#include "processor/schema/schema_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/schema/framing.h"

namespace once::internal {

namespace {

// Two sinks of one subject may be of different types.
uint64_t NextNumber() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

absl::Status LacksOwn(const std::string& subject, const absl::Status& why) {
  return absl::FailedPreconditionError(absl::StrCat("subject \"", subject,
                                                    "\" lacks the program's schema: ", why.message(),
                                                    "; register it, or let the sink do it: SchemaUse::kRegister"));
}

}  // namespace

std::string SubjectFor(const SchemaOptions& options, const std::string& topic, const std::string& type_name) {
  if (!options.subject.empty()) return options.subject;
  switch (options.naming) {
    case SubjectNaming::kTopicName:
      return topic + "-value";
    case SubjectNaming::kRecordName:
      return type_name;
    case SubjectNaming::kTopicRecordName:
      return absl::StrCat(topic, "-", type_name);
  }
  return std::string();
}

SchemaWriter::SchemaWriter(std::shared_ptr<SchemaCache> cache, std::string subject, SchemaUse use,
                           ProgramSchema program)
    : cache_(std::move(cache)),
      subject_(std::move(subject)),
      use_(use),
      program_(std::move(program)),
      key_(absl::StrCat("writer ", NextNumber(), " of ", subject_)) {}

SchemaWriter::~SchemaWriter() = default;

absl::Status SchemaWriter::FindNow() {
  if (ready_.load(std::memory_order_acquire) != nullptr) return absl::OkStatus();
  return Keep(cache_->FindNow(key_, Finder())).status();
}

absl::StatusOr<const SchemaWriter::Ready*> SchemaWriter::Get() {
  if (const Ready* ready = ready_.load(std::memory_order_acquire); ready != nullptr) return ready;
  return Keep(cache_->FindBy(key_, Finder()));
}

// Holds nothing of the writer's, since the cache may outlive it.
std::function<absl::StatusOr<ResolvedSchema>()> SchemaWriter::Finder() const {
  return [registry = cache_->registry(), subject = subject_, use = use_, program = program_] {
    return Find(registry, subject, use, program);
  };
}

absl::StatusOr<const SchemaWriter::Ready*> SchemaWriter::Keep(
    absl::StatusOr<std::shared_ptr<const ResolvedSchema>> found) {
  if (!found.ok()) return found.status();
  auto ready = std::make_unique<Ready>(Ready{.schema = *std::move(found), .prefix = {}});
  AppendFrame(ready->schema->id, &ready->prefix);
  if (program_.after_frame) {
    const absl::StatusOr<std::string> more = program_.after_frame(*ready->schema);
    if (!more.ok()) return more.status();
    ready->prefix += *more;
  }
  const MutexLock lock(&mutex_);
  if (owned_ == nullptr) {
    owned_ = std::move(ready);
    ready_.store(owned_.get(), std::memory_order_release);
  }
  return owned_.get();
}

absl::StatusOr<ResolvedSchema> SchemaWriter::Find(SchemaRegistry* registry, const std::string& subject, SchemaUse use,
                                                  const ProgramSchema& program) {
  if (use == SchemaUse::kLatest) {
    absl::StatusOr<SubjectVersion> latest = registry->FindVersion(subject, kLatestVersion);
    if (absl::IsNotFound(latest.status())) {
      return absl::FailedPreconditionError(absl::StrCat("subject \"", subject,
                                                        "\" has no schema: ", latest.status().message(),
                                                        "; register one, or let the sink do it: SchemaUse::kRegister"));
    }
    if (!latest.ok()) return latest.status();
    absl::StatusOr<ResolvedSchema> schema = ResolveReferences(registry, std::move(latest->schema));
    if (!schema.ok()) return schema.status();
    schema->id = latest->id;
    schema->version = latest->version;
    const absl::Status checked = program.check(registry, subject, *schema);
    if (checked.ok()) return schema;
    return absl::Status(checked.code(), absl::StrCat("version ", latest->version, " of subject \"", subject,
                                                     "\" does not fit the program: ", checked.message()));
  }
  absl::StatusOr<Schema> own = program.own(registry, use == SchemaUse::kRegister);
  if (absl::IsNotFound(own.status())) return LacksOwn(subject, own.status());
  if (!own.ok()) return own.status();
  ResolvedSchema schema;
  if (use == SchemaUse::kRegister) {
    absl::StatusOr<int32_t> id = registry->Register(subject, *own);
    if (absl::IsFailedPrecondition(id.status())) {
      // Some say why only when they are asked.
      const absl::Status why = registry->CheckCompatible(subject, *own);
      return absl::FailedPreconditionError(
          absl::StrCat("the program's schema cannot be registered under \"", subject, "\": ", id.status().message(),
                       absl::IsFailedPrecondition(why) ? absl::StrCat("; ", why.message()) : "",
                       "; change the program's so that readers of both get on, or the subject's rule"));
    }
    if (!id.ok()) return id.status();
    schema.id = *id;
  } else {
    const absl::StatusOr<SubjectVersion> found = registry->FindSchema(subject, *own);
    if (absl::IsNotFound(found.status())) return LacksOwn(subject, found.status());
    if (!found.ok()) return found.status();
    schema.id = found->id;
    schema.version = found->version;
  }
  schema.schema = *std::move(own);
  // JSON's and Avro's are needed whole to write by them.
  absl::StatusOr<ResolvedSchema> resolved = ResolveReferences(registry, schema.schema);
  if (!resolved.ok()) return resolved.status();
  schema.references = std::move(resolved->references);
  return schema;
}

}  // namespace once::internal
