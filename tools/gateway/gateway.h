// The gateway as a program.
#ifndef ONCE_TOOLS_GATEWAY_GATEWAY_H_
#define ONCE_TOOLS_GATEWAY_GATEWAY_H_

#include <functional>
#include <memory>

#include "processor/kafka/kafka.h"

namespace once::gateway {

// Put around each of its clients: for tests.
using WrapClient = std::function<std::unique_ptr<kafka::Client>(std::unique_ptr<kafka::Client>)>;

// From argc and argv to an exit code: 0 after SIGTERM or SIGINT, 1 if it cannot run, 2 for a wrong setting.
int RunGateway(int argc, char** argv, const WrapClient& wrap = nullptr);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_GATEWAY_H_
