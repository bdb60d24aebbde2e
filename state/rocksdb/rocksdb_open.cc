// Opening the database: its settings, its directory, and which failure asks for what.
#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "state/rocksdb/rocksdb_status.h"
#include "state/rocksdb/rocksdb_store.h"
#include "state/rocksdb/rocksdb_store_impl.h"

namespace once {

namespace {

constexpr size_t kMinMemoryBytes = size_t{8} << 20;
constexpr int kWriteBuffers = 3;
constexpr int kMostFilesOfLevel0 = 48;

// RocksDB's warnings and errors, in our log instead of a file of its own.
class LogAdapter final : public rocksdb::Logger {
 public:
  LogAdapter(LogSink* log, std::string path)
      : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL), log_(log), path_(std::move(path)) {}

  using rocksdb::Logger::Logv;
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    // RocksDB's header lines have a level above its fatal errors.
    if (level < rocksdb::InfoLogLevel::WARN_LEVEL || level > rocksdb::InfoLogLevel::FATAL_LEVEL) return;
    Logv(format, arguments);
  }
  void Logv(const char* format, va_list arguments) override {
    char text[1024];
    std::vsnprintf(text, sizeof(text), format, arguments);
    log_->Log(LogLevel::kWarning, absl::StrCat("RocksDB in ", path_, ": ", text));
  }

 private:
  LogSink* const log_;
  const std::string path_;
};

rocksdb::CompressionType Compression() {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  const bool has_lz4 = std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  // Distributions build RocksDB with different libraries; one that it lacks would fail when it is first used.
  return has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

rocksdb::Options DatabaseOptions(const RocksDbOptions& options, LogSink* log, std::shared_ptr<FlushWatch> watch) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.memory_bytes / 2);
  // Within the cache's bound, or memory would grow with the data.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.optimize_filters_for_memory = true;

  rocksdb::Options database;
  database.create_if_missing = true;
  // Damage is to be found, not passed over.
  database.paranoid_checks = true;
  database.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // X7: buffers and cache together are the store's part of the budget.
  database.write_buffer_size = options.memory_bytes / 2 / kWriteBuffers;
  database.max_write_buffer_number = kWriteBuffers;
  database.target_file_size_base = std::max<uint64_t>(database.write_buffer_size, uint64_t{8} << 20);
  database.level_compaction_dynamic_level_bytes = true;
  // Who writes is a thread that may wait, and what waits for it is bounded. So it goes as fast as the disk takes it and
  // waits when compaction is far behind; RocksDB's own braking ends at some kilobytes a second, and each compaction of
  // few files rewrites the level below for them.
  database.level0_slowdown_writes_trigger = kMostFilesOfLevel0;
  database.level0_stop_writes_trigger = kMostFilesOfLevel0;
  database.soft_pending_compaction_bytes_limit = 0;
  database.hard_pending_compaction_bytes_limit = 0;
  database.max_background_jobs = options.background_jobs;
  database.max_open_files = options.max_open_files;
  database.compression = Compression();
  database.bytes_per_sync = uint64_t{1} << 20;
  // It is read whole at each start.
  database.max_manifest_file_size = uint64_t{16} << 20;
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.info_log = std::make_shared<LogAdapter>(log, options.path);
  database.listeners.push_back(std::move(watch));
  return database;
}

absl::Status CheckOptions(const RocksDbOptions& options) {
  if (options.path.empty()) return absl::InvalidArgumentError("the state's directory is not set; set --state_dir");
  if (options.application_id.empty()) return absl::InvalidArgumentError("the application ID is empty");
  if (options.memory_bytes < kMinMemoryBytes) {
    return absl::InvalidArgumentError(absl::StrCat("memory for the state store: ", options.memory_bytes,
                                                   " bytes are too few; the least is ", kMinMemoryBytes));
  }
  if (options.max_open_files < 16) return absl::InvalidArgumentError("the state store needs 16 open files");
  if (options.background_jobs < 2) return absl::InvalidArgumentError("the state store needs 2 background jobs");
  return absl::OkStatus();
}

absl::Status DirectoryError(const std::string& path, int error) {
  const std::string message = absl::StrCat("state directory ", path, " cannot be used: ", std::strerror(error));
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(
          absl::StrCat(message, "; make it writable for this user, or set another --state_dir"));
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(absl::StrCat(message, "; free disk space there, or set another --state_dir"));
    case ENOTDIR:
    case EEXIST:
      return absl::InvalidArgumentError(absl::StrCat(message, "; set --state_dir to a directory"));
    default:
      return absl::UnavailableError(absl::StrCat(message, "; check the disk, or set another --state_dir"));
  }
}

// RocksDB's own messages here are many and none says what to do.
absl::Status PrepareDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return DirectoryError(path, error.value());
  if (!std::filesystem::is_directory(path, error)) return DirectoryError(path, ENOTDIR);
  // By the effective user, whose rights are those that count.
  if (faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) return DirectoryError(path, errno);
  return absl::OkStatus();
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& path) {
  if (IsLocked(status)) return LockedError(path);
  // The directory is there: a file that its other files name is not.
  if (status.IsPathNotFound()) return CorruptError(path, status.ToString());
  return FromRocksDb(status, "cannot open", path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointStore>> OpenRocksDbStore(const RocksDbOptions& options, LogSink* log) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (absl::Status status = PrepareDirectory(options.path); !status.ok()) return status;
  const auto watch = std::make_shared<FlushWatch>();
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(DatabaseOptions(options, log, watch), options.path, &opened);
  if (!status.ok()) return OpenError(status, options.path);
  auto store = std::make_unique<RocksDbStore>(std::unique_ptr<rocksdb::DB>(opened), watch, options.path);
  // X5e: what another application, or another format, has left is not read as ours.
  if (absl::Status identity = store->CheckIdentity(options.application_id); !identity.ok()) return identity;
  return store;
}

absl::Status DestroyRocksDbStore(const std::string& path) {
  const rocksdb::Status status = rocksdb::DestroyDB(path, rocksdb::Options());
  if (IsLocked(status)) return LockedError(path);
  return FromRocksDb(status, "cannot delete", path);
}

}  // namespace once
