// Options whose values are names.
#ifndef ONCE_PROCESSOR_CONFIG_NAMED_OPTIONS_H_
#define ONCE_PROCESSOR_CONFIG_NAMED_OPTIONS_H_

#include "processor/base/letter_families.h"
#include "processor/base/log.h"
#include "processor/config/config.h"

namespace once {

// A value that is no such name is an error of `config`, and the default comes back.
LogLevel LoadLogLevel(const Config& config);
LetterFamilies LoadDeadLetterHeaders(const Config& config);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_NAMED_OPTIONS_H_
