// Bump allocation for bytes that live as long as one step of the engine.
#ifndef ONCE_PROCESSOR_BASE_ARENA_H_
#define ONCE_PROCESSOR_BASE_ARENA_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace once {

// Not thread-safe. Memory is given back by Reset, which keeps one block for the next round.
class Arena {
 public:
  // `alignment` is a power of two, at most that of max_align_t.
  char* Allocate(size_t bytes, size_t alignment = 1) {
    const size_t start = (used_ + alignment - 1) & ~(alignment - 1);
    if (start + bytes > capacity_) return AllocateBlock(bytes);
    used_ = start + bytes;
    return current_ + start;
  }

  std::string_view Copy(std::string_view bytes) {
    if (bytes.empty()) return std::string_view("", 0);
    char* copy = Allocate(bytes.size());
    std::memcpy(copy, bytes.data(), bytes.size());
    return std::string_view(copy, bytes.size());
  }

  // An uninitialised array of trivially destructible values.
  template <typename T>
  T* NewArray(size_t count) {
    return reinterpret_cast<T*>(Allocate(sizeof(T) * count, alignof(T)));
  }

  void Reset() {
    if (blocks_.size() > 1) blocks_.erase(blocks_.begin(), blocks_.end() - 1);
    if (!blocks_.empty() && capacity_ > kMaxKeptBytes) {
      blocks_.clear();
      current_ = nullptr;
      capacity_ = 0;
    }
    used_ = 0;
  }

 private:
  static constexpr size_t kBlockBytes = 64 * 1024;
  static constexpr size_t kMaxKeptBytes = 4 * 1024 * 1024;

  char* AllocateBlock(size_t bytes) {
    const size_t doubled = capacity_ * 2 > kMaxKeptBytes ? kMaxKeptBytes : capacity_ * 2;
    capacity_ = bytes > kBlockBytes ? bytes : kBlockBytes;
    if (doubled > capacity_) capacity_ = doubled;
    blocks_.push_back(std::make_unique<char[]>(capacity_));
    current_ = blocks_.back().get();
    used_ = bytes;
    return current_;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* current_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_ARENA_H_
