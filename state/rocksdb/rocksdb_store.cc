// Checkpoints in RocksDB: one column family without a write-ahead log, each task behind a prefix of its own.
#include <rocksdb/slice.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "state/rocksdb/checkpoint_meta.h"
#include "state/rocksdb/rocksdb_status.h"
#include "state/rocksdb/rocksdb_store_impl.h"

namespace once {

namespace {

constexpr char kIdentityKey[] = "once";
// Of keys and values in this database; a change makes older versions refuse it and newer ones rebuild it.
constexpr char kFormat[] = "format 1\napplication ";

rocksdb::Slice ToSlice(std::string_view bytes) { return rocksdb::Slice(bytes.data(), bytes.size()); }
std::string_view ToView(const rocksdb::Slice& slice) { return std::string_view(slice.data(), slice.size()); }

std::string FullKey(std::string_view task_prefix, std::string_view key) {
  std::string full;
  full.reserve(task_prefix.size() + key.size());
  full.append(task_prefix);
  full.append(key);
  return full;
}

// The first key behind all that begin with `prefix`; empty if there is none.
std::string BehindPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace

RocksDbStore::RocksDbStore(std::unique_ptr<rocksdb::DB> db, std::shared_ptr<FlushWatch> watch, std::string path)
    : db_(std::move(db)), watch_(std::move(watch)), path_(std::move(path)) {
  watch_->SetFlushed(db_->GetLatestSequenceNumber());
}

RocksDbStore::~RocksDbStore() {
  // F5: at an orderly end. Should the disk be gone, the changelog has it all.
  Flush().IgnoreError();
  db_->Close().PermitUncheckedError();
}

absl::Status RocksDbStore::Note(const rocksdb::Status& status, std::string_view what) {
  // After an error RocksDB refuses writes until it is told to resume.
  if (!status.ok()) stopped_ = true;
  return FromRocksDb(status, what, path_);
}

absl::Status RocksDbStore::ResumeAfterError() {
  if (!stopped_.exchange(false)) return absl::OkStatus();
  const rocksdb::Status status = db_->Resume();
  if (!status.IsBusy()) return Note(status, "cannot go on after an error");
  // RocksDB is at it itself, and looks every few seconds whether there is space. Till then the next call says why not.
  stopped_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<CheckpointMeta>> RocksDbStore::ReadMeta(std::string_view task_prefix) {
  const absl::StatusOr<std::optional<std::string>> bytes = Get(task_prefix, {});
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return std::optional<CheckpointMeta>();
  std::optional<CheckpointMeta> meta = DecodeMeta(**bytes);
  if (!meta.has_value()) return CorruptError(path_, "a task's checkpoint record is none that this program writes");
  return meta;
}

absl::StatusOr<std::optional<std::string>> RocksDbStore::Get(std::string_view task_prefix, std::string_view key) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), FullKey(task_prefix, key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return FromRocksDb(status, "cannot read", path_);
  return std::optional<std::string>(std::string(value.data(), value.size()));
}

// Iterators of RocksDB before 9 pass over damage: when one that heeds range deletions cannot read the first block of a
// level's next file, it goes on without the rest of that level, and its status is OK. One that ignores them tells.
absl::Status RocksDbStore::CheckReadable(const std::string& first, rocksdb::ReadOptions options) {
  options.ignore_range_deletions = true;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  for (it->Seek(first); it->Valid(); it->Next()) {
  }
  return FromRocksDb(it->status(), "cannot read", path_);
}

absl::Status RocksDbStore::Scan(std::string_view task_prefix, std::string_view key_prefix,
                                const std::function<bool(std::string_view key, std::string_view value)>& visit) {
  const std::string first = FullKey(task_prefix, key_prefix);
  const std::string behind = BehindPrefix(first);
  // It only points to the bytes of `behind`, as the iterators do.
  const rocksdb::Slice upper_bound = behind;
  rocksdb::ReadOptions options;
  // A scan reads all once; what is read by key stays cached.
  options.fill_cache = false;
  if (!behind.empty()) options.iterate_upper_bound = &upper_bound;
  if (absl::Status readable = CheckReadable(first, options); !readable.ok()) return readable;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  for (it->Seek(first); it->Valid(); it->Next()) {
    const std::string_view key = ToView(it->key()).substr(task_prefix.size());
    if (key.empty()) continue;  // The meta.
    if (!visit(key, ToView(it->value()))) break;
  }
  return FromRocksDb(it->status(), "cannot read", path_);
}

absl::StatusOr<bool> RocksDbStore::HasEntries(std::string_view task_prefix) {
  const std::string behind = BehindPrefix(std::string(task_prefix));
  const rocksdb::Slice upper_bound = behind;
  rocksdb::ReadOptions options;
  if (!behind.empty()) options.iterate_upper_bound = &upper_bound;
  // It passes over a deleted range at once. Damage that it passes over as well (CheckReadable) shows when it is read.
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  it->Seek(ToSlice(task_prefix));
  if (it->Valid() && it->key() == ToSlice(task_prefix)) it->Next();  // The meta.
  if (!it->status().ok()) return FromRocksDb(it->status(), "cannot read", path_);
  return it->Valid();
}

absl::Status RocksDbStore::WriteBatch(rocksdb::WriteBatch* batch) {
  rocksdb::WriteOptions options;
  // The changelog is the log.
  options.disableWAL = true;
  return Note(db_->Write(options, batch), "cannot write");
}

absl::Status RocksDbStore::Write(std::string_view task_prefix, std::span<const CheckpointEntry> entries,
                                 const CheckpointMeta& meta) {
  if (absl::Status status = ResumeAfterError(); !status.ok()) return status;
  // In order of keys each insertion into the memtable finds its surroundings in the processor's cache.
  std::vector<const CheckpointEntry*> sorted;
  sorted.reserve(entries.size());
  for (const CheckpointEntry& entry : entries) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(),
            [](const CheckpointEntry* a, const CheckpointEntry* b) { return a->key < b->key; });

  // Once, and not by doubling: a batch may be a large part of the memory there is (X7).
  constexpr size_t kHead = 256;  // With the meta.
  constexpr size_t kEach = 16;   // Its kind and the lengths.
  size_t bytes = kHead;
  for (const CheckpointEntry& entry : entries) {
    bytes += kEach + task_prefix.size() + entry.key.size() + (entry.value.has_value() ? entry.value->size() : 0);
  }
  rocksdb::WriteBatch batch(bytes);
  // F1: the offset that the data stands for is in the same batch.
  batch.Put(ToSlice(task_prefix), EncodeMeta(meta));
  std::string key(task_prefix);
  for (const CheckpointEntry* const entry : sorted) {
    key.resize(task_prefix.size());
    key.append(entry->key);
    if (entry->value.has_value()) {
      batch.Put(key, *entry->value);
    } else {
      batch.Delete(key);
    }
  }
  return WriteBatch(&batch);
}

absl::Status RocksDbStore::Flush() {
  if (absl::Status status = ResumeAfterError(); !status.ok()) return status;
  rocksdb::FlushOptions options;
  options.wait = true;
  options.allow_write_stall = true;
  // Before the flush is asked for, so that none of its errors is missed and none from before ends the wait.
  const uint64_t errors = watch_->errors();
  const rocksdb::SequenceNumber written = db_->GetLatestSequenceNumber();
  rocksdb::Status status = db_->Flush(options);
  // F5: an OK from RocksDB 7.6 to 8.8 may come before the write.
  if (status.ok()) status = watch_->Await(written, errors);
  return Note(status, "cannot flush");
}

absl::Status RocksDbStore::Wipe(std::string_view task_prefix) {
  if (absl::Status status = ResumeAfterError(); !status.ok()) return status;
  rocksdb::WriteBatch meta;
  // F7: a wipe that is cut short must not leave an offset over data that is half gone.
  meta.Delete(ToSlice(task_prefix));
  if (absl::Status status = WriteBatch(&meta); !status.ok()) return status;
  if (absl::Status status = Flush(); !status.ok()) return status;
  rocksdb::WriteBatch data;
  data.DeleteRange(ToSlice(task_prefix), BehindPrefix(std::string(task_prefix)));
  if (absl::Status status = WriteBatch(&data); !status.ok()) return status;
  return Flush();
}

uint64_t RocksDbStore::SizeOnDisk() {
  uint64_t bytes = 0;
  return db_->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &bytes) ? bytes : 0;
}

absl::Status RocksDbStore::CheckIdentity(const std::string& application_id) {
  const absl::StatusOr<std::optional<std::string>> found = Get({}, kIdentityKey);
  if (!found.ok()) return found.status();
  const std::string expected = absl::StrCat(kFormat, application_id);
  if (!found->has_value()) {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    it->SeekToFirst();
    if (it->Valid()) {
      return absl::FailedPreconditionError(
          absl::StrCat(path_, " holds a database that this program did not write; set another --state_dir"));
    }
    if (!it->status().ok()) return FromRocksDb(it->status(), "cannot read", path_);
    rocksdb::WriteBatch batch;
    batch.Put(kIdentityKey, expected);
    if (absl::Status status = WriteBatch(&batch); !status.ok()) return status;
    return Flush();
  }
  if (**found == expected) return absl::OkStatus();
  // X5e.
  if ((*found)->rfind(kFormat, 0) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " holds the state of another application, \"", (*found)->substr(sizeof(kFormat) - 1),
                     "\", not of \"", application_id, "\"; set another --state_dir, or delete it if it is not needed"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path_,
                   " was written by another version of this program, whose format this one does not know; use that "
                   "version, or delete the directory: the state is then rebuilt from the changelog"));
}

}  // namespace once
