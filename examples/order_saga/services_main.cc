#include "examples/order_saga/topology.h"
#include "once/main.h"

int main(int argc, char** argv) { return once::Main(argc, argv, BuildOrderServices); }
