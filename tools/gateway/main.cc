#include "tools/gateway/gateway.h"

int main(int argc, char** argv) { return once::gateway::RunGateway(argc, argv); }
