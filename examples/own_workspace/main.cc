#include "once/main.h"

#include "topology.h"

int main(int argc, char** argv) { return once::Main(argc, argv, BuildTopology); }
