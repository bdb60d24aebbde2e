// Settings by flag, environment variable and file; see once::Config.
#ifndef ONCE_PROCESSOR_CONFIG_H_
#define ONCE_PROCESSOR_CONFIG_H_

#include "processor/config/config.h"

#endif  // ONCE_PROCESSOR_CONFIG_H_
