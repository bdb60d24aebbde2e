#include "processor/cli/unique_id.h"

#include <random>

#include "absl/strings/str_format.h"

namespace once::cli {

std::string DrawUniqueId() {
  std::random_device device;
  const auto draw = [&] { return static_cast<unsigned>(device()); };
  return absl::StrFormat("%08x-%04x-%04x-%04x-%04x%08x", draw(), draw() & 0xffff, (draw() & 0x0fff) | 0x4000,
                         (draw() & 0x3fff) | 0x8000, draw() & 0xffff, draw());
}

}  // namespace once::cli
