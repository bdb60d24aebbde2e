// A schema registry in memory, for tests of topologies:
//
//   auto registry = std::make_shared<once::InMemorySchemaRegistry>();
//   auto cache = std::make_shared<once::SchemaCache>(registry, once::SchemaCacheOptions{.background = false});
//
// It keeps what is registered, by the registry's rules of IDs and versions, and looks at no schema: what is refused, a
// test says.
#ifndef ONCE_PROCESSOR_SCHEMA_IN_MEMORY_SCHEMA_REGISTRY_H_
#define ONCE_PROCESSOR_SCHEMA_IN_MEMORY_SCHEMA_REGISTRY_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/base/mutex.h"
#include "processor/schema/schema_registry.h"

namespace once {

// Thread-safe.
class InMemorySchemaRegistry final : public SchemaRegistry {
 public:
  // While it is down all calls are Unavailable.
  void set_down(bool down) {
    const MutexLock lock(&mutex_);
    down_ = down;
  }
  // Refuses further schemas of the subject, for that reason; an empty one takes them again.
  void Refuse(const std::string& subject, std::string why) {
    const MutexLock lock(&mutex_);
    refused_[subject] = std::move(why);
  }
  // Answered or not.
  int calls() const {
    const MutexLock lock(&mutex_);
    return calls_;
  }

  absl::StatusOr<Schema> FindById(int32_t id) override {
    const MutexLock lock(&mutex_);
    if (absl::Status up = Begin(); !up.ok()) return up;
    if (id < 1 || static_cast<size_t>(id) > schemas_.size()) {
      return absl::NotFoundError(absl::StrCat("the schema registry has no such schema: ", id));
    }
    return schemas_[static_cast<size_t>(id) - 1];
  }

  absl::StatusOr<SubjectVersion> FindVersion(const std::string& subject, int version) override {
    const MutexLock lock(&mutex_);
    if (absl::Status up = Begin(); !up.ok()) return up;
    const std::vector<int32_t>& versions = subjects_[subject];
    const size_t number = version == kLatestVersion ? versions.size() : static_cast<size_t>(version);
    if (version != kLatestVersion && version < 1) return absl::InvalidArgumentError("no version");
    if (number < 1 || number > versions.size()) return NoSuch(subject);
    return At(subject, number);
  }

  absl::StatusOr<SubjectVersion> FindSchema(const std::string& subject, const Schema& schema) override {
    const MutexLock lock(&mutex_);
    if (absl::Status up = Begin(); !up.ok()) return up;
    for (size_t number = 1; number <= subjects_[subject].size(); ++number) {
      if (At(subject, number).schema == schema) return At(subject, number);
    }
    return NoSuch(subject);
  }

  absl::Status CheckCompatible(const std::string& subject, const Schema&) override {
    const MutexLock lock(&mutex_);
    if (absl::Status up = Begin(); !up.ok()) return up;
    return Rule(subject);
  }

  absl::StatusOr<int32_t> Register(const std::string& subject, const Schema& schema) override {
    const MutexLock lock(&mutex_);
    if (absl::Status up = Begin(); !up.ok()) return up;
    std::vector<int32_t>& versions = subjects_[subject];
    for (const int32_t id : versions) {
      if (schemas_[static_cast<size_t>(id) - 1] == schema) return id;
    }
    if (absl::Status taken = Rule(subject); !taken.ok()) return taken;
    size_t index = 0;
    while (index < schemas_.size() && !(schemas_[index] == schema)) ++index;
    if (index == schemas_.size()) schemas_.push_back(schema);
    versions.push_back(static_cast<int32_t>(index) + 1);
    return versions.back();
  }

 private:
  absl::Status Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++calls_;
    return down_ ? absl::UnavailableError("the schema registry is down") : absl::OkStatus();
  }
  absl::Status Rule(const std::string& subject) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::string& why = refused_[subject];
    if (why.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("the schema registry refuses it: ", why));
  }
  static absl::Status NoSuch(const std::string& subject) {
    return absl::NotFoundError(absl::StrCat("the schema registry has no such subject or version: ", subject));
  }
  SubjectVersion At(const std::string& subject, size_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const int32_t id = subjects_[subject][number - 1];
    return {.subject = subject,
            .version = static_cast<int>(number),
            .id = id,
            .schema = schemas_[static_cast<size_t>(id) - 1]};
  }

  mutable Mutex mutex_;
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Schema> schemas_ ABSL_GUARDED_BY(mutex_);                           // By ID, from 1 on.
  std::map<std::string, std::vector<int32_t>> subjects_ ABSL_GUARDED_BY(mutex_);  // IDs by version, from 1 on.
  std::map<std::string, std::string> refused_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once

#endif  // ONCE_PROCESSOR_SCHEMA_IN_MEMORY_SCHEMA_REGISTRY_H_
