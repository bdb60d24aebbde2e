// A vector that is filled and emptied again and again keeps its memory, but not for ever what one large use needed.
#ifndef ONCE_PROCESSOR_BASE_REUSED_H_
#define ONCE_PROCESSOR_BASE_REUSED_H_

#include <algorithm>
#include <cstddef>
#include <vector>

namespace once {

// Of one vector. Not thread-safe.
class Reused {
 public:
  // Empties `elements`. Its memory is given back when it is several times what the uses of late have needed; in
  // between, a use that needs much is remembered for some thousand further ones.
  template <typename T>
  void Clear(std::vector<T>* elements) {
    lately_ = std::max(elements->size(), lately_ - lately_ / 512);
    elements->clear();
    if (elements->capacity() <= kAlwaysKept || elements->capacity() / 4 <= lately_) return;
    std::vector<T>().swap(*elements);
  }

 private:
  static constexpr size_t kAlwaysKept = 4096;  // Elements.

  size_t lately_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_REUSED_H_
