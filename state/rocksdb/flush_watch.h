// Knows what of a database is in its files.
//
// RocksDB 7.6 to 8.8 forget to clear a flag (ErrorHandler's is_db_stopped_) when they have recovered from a full disk:
// from then on DB::Flush returns OK at once, whatever becomes of the flush.
#ifndef ONCE_STATE_ROCKSDB_FLUSH_WATCH_H_
#define ONCE_STATE_ROCKSDB_FLUSH_WATCH_H_

#include <rocksdb/listener.h>
#include <rocksdb/status.h>
#include <rocksdb/types.h>

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "processor/base/mutex.h"

namespace once {

// Of a database with one column family and without a log. Thread-safe.
class FlushWatch final : public rocksdb::EventListener {
 public:
  // All up to `sequence` is in files: when the database has just been opened, all that there is.
  void SetFlushed(rocksdb::SequenceNumber sequence);

  // How many errors of the background there were.
  uint64_t errors();
  // Until all up to `sequence` is in files; any error but the first `errors_before` ends the wait and is returned.
  rocksdb::Status Await(rocksdb::SequenceNumber sequence, uint64_t errors_before);

  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override;
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;

 private:
  Mutex mutex_;
  CondVar changed_;
  rocksdb::SequenceNumber flushed_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t errors_ ABSL_GUARDED_BY(mutex_) = 0;
  rocksdb::Status last_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once

#endif  // ONCE_STATE_ROCKSDB_FLUSH_WATCH_H_
