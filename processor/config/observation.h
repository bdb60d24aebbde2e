// The options of what an application shows of itself: its log, and what it serves by HTTP.
#ifndef ONCE_PROCESSOR_CONFIG_OBSERVATION_H_
#define ONCE_PROCESSOR_CONFIG_OBSERVATION_H_

#include <string>

#include "processor/config/config.h"
#include "processor/config/options.h"

namespace once {

// Part of LoadOptions.
void LoadObservation(const Config& config, Options* options);

// What is wrong with http_listen, and what would be right; empty: nothing is.
std::string HttpListenMistake(const Options& options);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_OBSERVATION_H_
