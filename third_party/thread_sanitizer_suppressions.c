// What the thread sanitizer must not report: Debian's libraries are built without it, so it does not see how they order
// memory. Linked with Abseil, thus with everything, when this sanitizer is on.
const char* __tsan_default_suppressions(void);

const char* __tsan_default_suppressions(void) {
  // Threads that copy an absl::Status share its message; the last one to let go of it deletes it, and the count that
  // orders this after the others' reading is inside libabsl_status. RocksDB's memtable is lock-free.
  return "race:absl::*Status::Unref\n"
         "race:librocksdb.so\n";
}
