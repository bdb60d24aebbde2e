// Which headers dead letters have.
#ifndef ONCE_PROCESSOR_CONFIG_DEAD_LETTER_HEADERS_H_
#define ONCE_PROCESSOR_CONFIG_DEAD_LETTER_HEADERS_H_

#include "processor/base/letter_families.h"
#include "processor/config/config.h"

namespace once {

// A value that is no such name is an error of `config`, and the default comes back.
LetterFamilies LoadDeadLetterHeaders(const Config& config);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_DEAD_LETTER_HEADERS_H_
