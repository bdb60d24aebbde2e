// Debian's RocksDB is built without ThreadSanitizer, which so misses its lock-free memtable's order of memory and
// reports races inside it. Tests that open a real RocksDB from several threads link this.
extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() { return "race:librocksdb.so\n"; }
