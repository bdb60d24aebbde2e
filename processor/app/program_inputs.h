#ifndef ONCE_PROCESSOR_APP_PROGRAM_INPUTS_H_
#define ONCE_PROCESSOR_APP_PROGRAM_INPUTS_H_

#include "processor/config.h"

namespace once {

// The environment's variables, and what is known of librdkafka's properties. The flags are the caller's to add.
ConfigInputs ProgramInputs();

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_PROGRAM_INPUTS_H_
