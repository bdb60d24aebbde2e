#include "once/main.h"

#include "examples/order_saga/topology.h"

int main(int argc, char** argv) { return once::Main(argc, argv, BuildOrderSaga); }
