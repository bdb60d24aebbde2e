#include "once/main.h"

#include "examples/payments_route/topology.h"

int main(int argc, char** argv) { return once::Main(argc, argv, BuildPaymentsRoute); }
