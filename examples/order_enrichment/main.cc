#include "once/main.h"

#include "examples/order_enrichment/topology.h"

int main(int argc, char** argv) { return once::Main(argc, argv, BuildOrderEnrichment); }
