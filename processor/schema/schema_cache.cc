// Finds are made one after the other, by a thread of its own: a worker that needs a schema never waits for a registry
// that is slow or down.
#include <algorithm>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/base/guarded.h"
#include "processor/base/mutex.h"
#include "processor/schema/schema_registry.h"

namespace once {

namespace {

using Found = absl::StatusOr<std::shared_ptr<const ResolvedSchema>>;

constexpr int kMaxReferenceDepth = 16;
constexpr size_t kMaxReferences = 256;

bool IsPassing(const absl::Status& status) { return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status); }

absl::Status Follow(SchemaRegistry* registry, const Schema& schema, int depth, std::map<std::string, Schema>* all) {
  for (const SchemaReference& reference : schema.references) {
    if (depth >= kMaxReferenceDepth || all->size() >= kMaxReferences) {
      return absl::FailedPreconditionError(
          absl::StrCat("its references go more than ", kMaxReferenceDepth, " deep, or are more than ", kMaxReferences));
    }
    absl::StatusOr<SubjectVersion> found = registry->FindVersion(reference.subject, reference.version);
    if (!found.ok()) {
      return absl::Status(found.status().code(),
                          absl::StrCat("its reference \"", reference.name, "\" (subject ", reference.subject,
                                       ", version ", reference.version, "): ", found.status().message()));
    }
    const auto [place, is_new] = all->emplace(reference.name, found->schema);
    if (!is_new && place->second != found->schema) {
      return absl::FailedPreconditionError(
          absl::StrCat("two different schemas are referred to as \"", reference.name, "\""));
    }
    // One that was followed before needs no second time; so a circle ends.
    if (!is_new) continue;
    if (absl::Status followed = Follow(registry, found->schema, depth + 1, all); !followed.ok()) return followed;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ResolvedSchema> ResolveReferences(SchemaRegistry* registry, Schema schema) {
  ResolvedSchema resolved{.schema = std::move(schema)};
  absl::Status followed = Follow(registry, resolved.schema, 0, &resolved.references);
  if (!followed.ok()) return followed;
  return resolved;
}

class SchemaCache::Impl {
 public:
  explicit Impl(const SchemaCacheOptions& options) : options_(options) {}

  ~Impl() {
    {
      const MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
  }

  Found Get(const std::string& key, const Find& find) {
    const MutexLock lock(&mutex_);
    if (const Found* known = Known(key); known != nullptr) return *known;
    if (!options_.background) return GetNow(key, find);
    std::shared_ptr<Question>& place = waiting_[key];
    if (place == nullptr) {
      // What asks for many that nobody has is no reason to keep them all.
      if (waiting_.size() > kMaxWaiting) {
        waiting_.erase(key);
        return absl::UnavailableError("too many schemas are asked for at once");
      }
      place = std::make_shared<Question>(Question{.find = find});
      queue_.push_back(key);
      if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
      changed_.NotifyAll();
    }
    const std::shared_ptr<const Question> question = place;
    const absl::Time deadline = SteadyNow() + options_.patience;
    while (failures_ == 0) {
      const absl::Duration left = deadline - SteadyNow();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mutex_, left);
      if (question->answer.has_value()) return *question->answer;
    }
    return failures_ == 0 ? absl::UnavailableError("the schema registry has not answered yet") : last_failure_;
  }

  Found GetNow(const std::string& key, const Find& find) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    mutex_.Unlock();
    Found found = Call(find);
    mutex_.Lock();
    Keep(key, found);
    return found;
  }

  Found GetAtOnce(const std::string& key, const Find& find) {
    const MutexLock lock(&mutex_);
    return GetNow(key, find);
  }

 private:
  static constexpr size_t kMaxWaiting = 1000;
  struct Question {
    Find find;
    std::optional<Found> answer = {};  // Guarded by the mutex, as all of it.
  };
  struct Entry {
    Found found;
    absl::Time until;
  };

  static Found Call(const Find& find) {
    Found found = absl::InternalError("");
    const absl::Status called = Guarded(absl::StatusCode::kInternal, "the schema registry", [&]() -> absl::Status {
      absl::StatusOr<ResolvedSchema> schema = find();
      if (!schema.ok()) return schema.status();
      found = std::make_shared<const ResolvedSchema>(*std::move(schema));
      return absl::OkStatus();
    });
    if (!called.ok()) found = called;
    return found;
  }

  const Found* Known(const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto known = entries_.find(key);
    if (known == entries_.end()) return nullptr;
    if (SteadyNow() < known->second.until) return &known->second.found;
    entries_.erase(known);
    return nullptr;
  }

  void Keep(const std::string& key, const Found& found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // Nothing was found out.
    if (IsPassing(found.status())) return;
    if (entries_.size() >= options_.max_entries) entries_.clear();
    // A schema never changes; one that is not there may come.
    const absl::Time until = found.ok() ? absl::InfiniteFuture() : SteadyNow() + options_.missing_for;
    entries_.insert_or_assign(key, Entry{.found = found, .until = until});
  }

  void Run() {
    const MutexLock lock(&mutex_);
    while (!stopping_) {
      if (queue_.empty()) {
        changed_.Wait(&mutex_);
        continue;
      }
      const std::string key = queue_.front();
      const std::shared_ptr<Question> question = waiting_[key];
      mutex_.Unlock();
      const Found found = Call(question->find);
      mutex_.Lock();
      queue_.pop_front();
      if (IsPassing(found.status())) {
        last_failure_ = found.status();
        ++failures_;
        // Behind the others: it may be the one that nobody answers.
        queue_.push_back(key);
        changed_.NotifyAll();
        Rest();
        continue;
      }
      failures_ = 0;
      waiting_.erase(key);
      question->answer = found;
      Keep(key, found);
      changed_.NotifyAll();
    }
  }

  void Rest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const int doublings = std::min(failures_ - 1, 16);
    const absl::Time until = SteadyNow() + std::min(options_.min_backoff * (1 << doublings), options_.max_backoff);
    while (!stopping_ && SteadyNow() < until) changed_.WaitFor(&mutex_, until - SteadyNow());
  }

  const SchemaCacheOptions options_;
  Mutex mutex_;
  CondVar changed_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::shared_ptr<Question>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> queue_ ABSL_GUARDED_BY(mutex_);  // The keys of waiting_.
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;               // In a row.
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

SchemaCache::SchemaCache(std::shared_ptr<SchemaRegistry> registry, const SchemaCacheOptions& options)
    : registry_(std::move(registry)), impl_(std::make_unique<Impl>(options)) {}

SchemaCache::~SchemaCache() = default;

Found SchemaCache::FindById(int32_t id) {
  return FindBy(absl::StrCat("id ", id), [registry = registry_, id]() -> absl::StatusOr<ResolvedSchema> {
    absl::StatusOr<Schema> schema = registry->FindById(id);
    if (!schema.ok()) return schema.status();
    absl::StatusOr<ResolvedSchema> resolved = ResolveReferences(registry.get(), *std::move(schema));
    if (!resolved.ok()) {
      return absl::Status(resolved.status().code(), absl::StrCat("schema ", id, ": ", resolved.status().message()));
    }
    resolved->id = id;
    return resolved;
  });
}

Found SchemaCache::FindBy(const std::string& key, const Find& find) { return impl_->Get(key, find); }

Found SchemaCache::FindNow(const std::string& key, const Find& find) { return impl_->GetAtOnce(key, find); }

namespace {

// Stands where no URL is said.
class NoSchemaRegistry final : public SchemaRegistry {
 public:
  absl::StatusOr<Schema> FindById(int32_t) override { return None(); }
  absl::StatusOr<SubjectVersion> FindVersion(const std::string&, int) override { return None(); }
  absl::StatusOr<SubjectVersion> FindSchema(const std::string&, const Schema&) override { return None(); }
  absl::Status CheckCompatible(const std::string&, const Schema&) override { return None(); }
  absl::StatusOr<int32_t> Register(const std::string&, const Schema&) override { return None(); }

 private:
  static absl::Status None() {
    return absl::FailedPreconditionError("no schema registry is named: set schema_registry_url");
  }
};

}  // namespace

absl::StatusOr<std::shared_ptr<SchemaCache>> ConnectSchemaRegistry(const SchemaRegistryOptions& options) {
  if (options.url.empty()) return std::make_shared<SchemaCache>(std::make_shared<NoSchemaRegistry>());
  absl::StatusOr<std::shared_ptr<SchemaRegistry>> registry = NewHttpSchemaRegistry(options);
  if (!registry.ok()) return registry.status();
  return std::make_shared<SchemaCache>(*std::move(registry));
}

}  // namespace once
