#include "once/main.h"

#include "examples/order_totals/topology.h"

int main(int argc, char** argv) { return once::Main(argc, argv, BuildOrderTotals); }
