// IDs that nobody else draws.
#ifndef ONCE_PROCESSOR_CLI_UNIQUE_ID_H_
#define ONCE_PROCESSOR_CLI_UNIQUE_ID_H_

#include <string>

namespace once::cli {

// 128 random bits in the form of a UUID: hexadecimal digits and '-'. Thread-safe.
std::string DrawUniqueId();

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_UNIQUE_ID_H_
