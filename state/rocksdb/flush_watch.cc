// F5: what of the writes is in files, as RocksDB's own threads report it.
#include "state/rocksdb/flush_watch.h"

#include <algorithm>

namespace once {

void FlushWatch::SetFlushed(rocksdb::SequenceNumber sequence) {
  MutexLock lock(&mutex_);
  flushed_ = std::max(flushed_, sequence);
  changed_.NotifyAll();
}

uint64_t FlushWatch::errors() {
  MutexLock lock(&mutex_);
  return errors_;
}

rocksdb::Status FlushWatch::Await(rocksdb::SequenceNumber sequence, uint64_t errors_before) {
  MutexLock lock(&mutex_);
  // F5: after an error that flush may never be completed, so nobody waits on.
  while (flushed_ < sequence && errors_ == errors_before) changed_.Wait(&mutex_);
  return flushed_ >= sequence ? rocksdb::Status::OK() : last_error_;
}

// The last write of a memtable is always in its file: as the newest of its key, or as the deletion of a range.
void FlushWatch::OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo& info) { SetFlushed(info.largest_seqno); }

void FlushWatch::OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) {
  MutexLock lock(&mutex_);
  ++errors_;
  last_error_ = *error;
  changed_.NotifyAll();
}

}  // namespace once
