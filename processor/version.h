// Which Once this is.
#ifndef ONCE_PROCESSOR_VERSION_H_
#define ONCE_PROCESSOR_VERSION_H_

namespace once {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace once

#endif  // ONCE_PROCESSOR_VERSION_H_
