// First the blobs are listed and then the topics read, so that a reference that is written meanwhile is one to a blob
// that is too young. Topics are read a second time from where they ended: a record that was moved meanwhile from a
// topic not yet read to one read before, such as a dead letter that is sent back, is seen there.
#include "tools/claim_sweep/sweep.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/claim_check/claim_reference.h"
#include "tools/claim_sweep/topic_reader.h"

namespace once::claim_sweep {

namespace {

using Candidates = std::map<std::string, BlobInfo, std::less<>>;

// A blob may be as old as its name was used for, and as the longest transaction, before its record is committed.
absl::Status CheckGrace(kafka::Admin* admin, const SweepOptions& options) {
  absl::Duration least = kMinGrace;
  const auto cluster = admin->DescribeCluster(options.call_timeout);
  if (cluster.ok()) {
    const auto setting = cluster->settings.find("transaction.max.timeout.ms");
    int64_t longest_ms = 0;
    if (setting != cluster->settings.end() && absl::SimpleAtoi(setting->second, &longest_ms)) {
      least = std::max(least, absl::Milliseconds(longest_ms) + kMinGrace);
    }
  } else if (!absl::IsUnimplemented(cluster.status())) {
    return cluster.status();
  }
  if (options.grace >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a grace period of ", absl::FormatDuration(options.grace),
                   " is too short: transactions of this cluster may be open for as long; use at least ",
                   absl::FormatDuration(least)));
}

absl::Status DropReferred(kafka::Client* client, kafka::Admin* admin, const SweepOptions& options,
                          Candidates* candidates, SweepReport* report) {
  const auto take_bytes = [&](OptionalBytes bytes) {
    if (!bytes.has_value()) return;
    internal::FindClaims(*bytes, [&](std::string_view name) {
      const auto found = candidates->find(name);
      if (found == candidates->end()) return;
      candidates->erase(found);
      ++report->kept;
    });
  };
  const auto take = [&](const RecordView& record) {
    ++report->records;
    take_bytes(record.key);
    take_bytes(record.value);
    for (const HeaderView& header : record.headers) take_bytes(header.value);
  };
  std::vector<TopicReader> readers;
  for (const std::string& topic : options.topics) {
    readers.emplace_back(client, admin, topic, options.call_timeout, options.patience);
  }
  for (int round = 0; round < 2; ++round) {
    for (TopicReader& reader : readers) {
      if (absl::Status read = reader.ReadOn(take); !read.ok()) return read;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SweepReport> Sweep(kafka::Client* client, BlobStore* store, absl::Time now,
                                  const SweepOptions& options) {
  if (options.topics.empty()) {
    return absl::InvalidArgumentError("no topics are named; name all in which references may stand");
  }
  auto admin = client->NewAdmin();
  if (!admin.ok()) return admin.status();
  if (absl::Status checked = CheckGrace(admin->get(), options); !checked.ok()) return checked;
  SweepReport report;
  Candidates candidates;
  const absl::Status listed = store->List([&](const BlobInfo& blob) {
    ++report.blobs;
    if (blob.written > now - options.grace) {
      ++report.young;
    } else {
      candidates.emplace(blob.name, blob);
    }
  });
  if (!listed.ok()) return listed;
  if (absl::Status read = DropReferred(client, admin->get(), options, &candidates, &report); !read.ok()) return read;
  for (const auto& [name, blob] : candidates) {
    if (options.deletes) {
      if (absl::Status deleted = store->Delete(name); !deleted.ok()) return deleted;
    }
    options.tell(blob);
    ++report.swept;
    report.bytes += blob.bytes;
  }
  if (options.deletes) {
    if (absl::Status dropped = store->DropLeftovers(now - options.grace); !dropped.ok()) return dropped;
  }
  return report;
}

}  // namespace once::claim_sweep
