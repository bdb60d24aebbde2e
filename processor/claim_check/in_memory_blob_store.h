// A blob store for tests, which can be down, lose blobs and damage them.
#ifndef ONCE_PROCESSOR_CLAIM_CHECK_IN_MEMORY_BLOB_STORE_H_
#define ONCE_PROCESSOR_CLAIM_CHECK_IN_MEMORY_BLOB_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processor/base/mutex.h"
#include "processor/claim_check/blob_store.h"

namespace once {

// Thread-safe.
class InMemoryBlobStore final : public BlobStore {
 public:
  explicit InMemoryBlobStore(std::function<absl::Time()> now = [] { return absl::Now(); }) : now_(std::move(now)) {}

  absl::Status Put(const std::string& name, std::string_view bytes) override {
    const MutexLock lock(&mutex_);
    if (is_down_) return Down();
    if (name.size() != kBlobNameDigits) return absl::InvalidArgumentError("no name of a blob: " + name);
    ++puts_;
    blobs_[name] = {.bytes = std::string(bytes), .written = now_()};
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Get(const std::string& name, int64_t max_bytes) override {
    const MutexLock lock(&mutex_);
    if (is_down_) return Down();
    ++gets_;
    const auto blob = blobs_.find(name);
    if (blob == blobs_.end()) return absl::NotFoundError("there is no blob " + name);
    if (static_cast<int64_t>(blob->second.bytes.size()) > max_bytes) {
      return absl::OutOfRangeError("the blob " + name + " is larger than it was");
    }
    return blob->second.bytes;
  }
  absl::Status List(const std::function<void(const BlobInfo&)>& take) override {
    const MutexLock lock(&mutex_);
    if (is_down_) return Down();
    for (const auto& [name, blob] : blobs_) {
      take({.name = name, .bytes = static_cast<int64_t>(blob.bytes.size()), .written = blob.written});
    }
    return absl::OkStatus();
  }
  absl::Status Delete(const std::string& name) override {
    const MutexLock lock(&mutex_);
    if (is_down_) return Down();
    blobs_.erase(name);
    return absl::OkStatus();
  }
  absl::Status Check() override {
    const MutexLock lock(&mutex_);
    return is_down_ ? Down() : absl::OkStatus();
  }

  void set_down(bool is_down) {
    const MutexLock lock(&mutex_);
    is_down_ = is_down;
  }
  // Puts other bytes where a blob is.
  void Replace(const std::string& name, const std::string& bytes) {
    const MutexLock lock(&mutex_);
    blobs_[name].bytes = bytes;
  }
  std::vector<std::string> names() const {
    const MutexLock lock(&mutex_);
    std::vector<std::string> names;
    for (const auto& [name, blob] : blobs_) names.push_back(name);
    return names;
  }
  int64_t puts() const {
    const MutexLock lock(&mutex_);
    return puts_;
  }
  int64_t gets() const {
    const MutexLock lock(&mutex_);
    return gets_;
  }

 private:
  struct Blob {
    std::string bytes;
    absl::Time written;
  };
  static absl::Status Down() { return absl::UnavailableError("the blob store is down"); }

  const std::function<absl::Time()> now_;
  mutable Mutex mutex_;
  std::map<std::string, Blob> blobs_ ABSL_GUARDED_BY(mutex_);
  bool is_down_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t puts_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t gets_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_CLAIM_CHECK_IN_MEMORY_BLOB_STORE_H_
