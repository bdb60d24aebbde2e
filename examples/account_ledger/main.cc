#include "once/main.h"

#include "examples/account_ledger/topology.h"

int main(int argc, char** argv) { return once::Main(argc, argv, BuildAccountLedger); }
