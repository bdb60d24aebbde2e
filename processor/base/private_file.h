// Small files that only their owner may read, and that are there as a whole or not at all.
#ifndef ONCE_PROCESSOR_BASE_PRIVATE_FILE_H_
#define ONCE_PROCESSOR_BASE_PRIVATE_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace once {

// Replaces the file by one with this text, mode 0600, by way of `path`.new: whoever reads it, also after a crash, finds
// the old text or the new one. Unavailable, with the path and the system's reason, if it cannot be written. Not for two
// writers at once.
absl::Status WritePrivateFile(const std::string& path, std::string_view text);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_PRIVATE_FILE_H_
