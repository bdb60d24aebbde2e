// The settings that every application has; see once::Options.
#ifndef ONCE_PROCESSOR_OPTIONS_H_
#define ONCE_PROCESSOR_OPTIONS_H_

#include "processor/config/options.h"

#endif  // ONCE_PROCESSOR_OPTIONS_H_
