// The gateway with crash points, by ONCE_CRASH_AT; for tests only.
#include "tests/testkit/crash/crash_points.h"
#include "tools/gateway/gateway.h"

int main(int argc, char** argv) {
  once::CrashPoint point = once::CrashPoint::FromEnvironment();
  return once::gateway::RunGateway(argc, argv,
                                   [&point](auto client) { return once::WrapWithCrashes(std::move(client), &point); });
}
