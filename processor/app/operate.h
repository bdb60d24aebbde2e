// The commands of an operator, in the process that was started for one of them.
#ifndef ONCE_PROCESSOR_APP_OPERATE_H_
#define ONCE_PROCESSOR_APP_OPERATE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "processor/cli/command_line.h"
#include "processor/config/config.h"
#include "processor/config/options.h"
#include "processor/kafka/kafka.h"
#include "processor/main.h"

namespace once {

// Runs the command and returns its exit code. `line` is not run(); `inputs` has the environment.
int Operate(const std::string& program, const cli::CommandLine& line, const cli::Registry& registry,
            const ConfigInputs& inputs, const TopologyFactory& factory, const ApplicationDeps& deps);

// kafka_client.cc: a client of the brokers that the options name, with these properties of librdkafka's, and what else
// `deps` says of connections.
absl::StatusOr<std::unique_ptr<kafka::Client>> ConnectOperator(const Options& options,
                                                               const std::map<std::string, std::string>& properties,
                                                               const ApplicationDeps& deps, LogSink* log);

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_OPERATE_H_
