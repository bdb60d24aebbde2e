// What fuzz targets are written with: values out of the fuzzer's bytes, and a check that ends the process.
//
//   Input input(data, size);
//   const std::string_view key = input.Bytes();
//   ONCE_CHECK(Decode(Encode(key)) == key);
//
// Bytes and Rest are allocations of exactly their size, so that the address sanitizer sees a decoder read past the end.
#ifndef ONCE_TESTS_FUZZ_INPUT_H_
#define ONCE_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Unlike assert it is there in every build.
#define ONCE_CHECK(condition)                                                            \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

namespace once::fuzz {

// Not thread-safe. Views live as long as this. An exhausted input yields zeroes and empty bytes.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }

  uint8_t Byte() {
    if (left_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(left_.front());
    left_.remove_prefix(1);
    return byte;
  }
  bool Flag() { return (Byte() & 1) != 0; }
  // Of 0 .. count - 1.
  size_t Choice(size_t count) { return Byte() % count; }
  // Small and extreme numbers come about as easily as any.
  uint64_t Number() {
    const uint8_t kind = Byte();
    if (kind < 0x80) return kind;
    if (kind < 0xa0) return uint64_t{0} - (kind - 0x80);        // Close to the largest one.
    if (kind < 0xc0) return (uint64_t{1} << 63) + 0xb0 - kind;  // Around where signed ones wrap.
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | Byte();
    return number;
  }
  int64_t Signed() { return static_cast<int64_t>(Number()); }

  // A length and as many bytes as it says, or as there are.
  std::string_view Bytes() {
    size_t length = Byte();
    if (length >= 0xf0) length = (length - 0xf0) << 8 | Byte();
    const std::string_view taken = left_.substr(0, length);
    left_.remove_prefix(taken.size());
    return Own(taken);
  }
  std::optional<std::string_view> MaybeBytes() {
    if (Flag()) return Bytes();
    return std::nullopt;
  }
  std::string_view Rest() {
    const std::string_view taken = left_;
    left_ = {};
    return Own(taken);
  }

 private:
  std::string_view Own(std::string_view bytes) {
    copies_.push_back(std::make_unique<char[]>(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), copies_.back().get());
    return {copies_.back().get(), bytes.size()};
  }

  std::string_view left_;
  std::vector<std::unique_ptr<char[]>> copies_;
};

}  // namespace once::fuzz

#endif  // ONCE_TESTS_FUZZ_INPUT_H_
