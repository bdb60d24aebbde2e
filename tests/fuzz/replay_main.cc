// Feeds kept inputs to a fuzz target without a fuzzer: each file below the directories that are named, whole and cut
// short in a few places, and the empty input.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "tests/fuzz/input.h"

namespace {

constexpr size_t kCuts = 8;

void Feed(const std::string& bytes, size_t length) {
  // A copy of its own, so that a read past the end does not hit the file's other bytes.
  const auto data = std::make_unique<uint8_t[]>(length);
  std::copy_n(bytes.begin(), length, data.get());
  LLVMFuzzerTestOneInput(data.get(), length);
}

void Replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Feed(bytes, bytes.size());
  for (size_t i = 0; i < kCuts; ++i) Feed(bytes, bytes.size() * i / kCuts);
}

}  // namespace

int main(int argc, char** argv) {
  size_t files = 0;
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!std::filesystem::is_regular_file(entry.path())) continue;  // Bazel's are links.
      std::cout << entry.path().string() << std::endl;                // Flushed: the last one is to blame.
      Replay(entry.path());
      ++files;
    }
  }
  std::cout << files << " inputs" << std::endl;
  return files > 0 ? 0 : 1;
}
