// The command line of the sweep.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "processor/app/program_inputs.h"
#include "processor/app/standard_files.h"
#include "processor/base/strings.h"
#include "processor/claim_check/blob_store.h"
#include "processor/config/config.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/stderr_log.h"
#include "tools/claim_sweep/sweep.h"

namespace once::claim_sweep {

namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitWrongUsage = 2;
constexpr char kGroup[] = "Sweep";

constexpr char kHelp[] = R"(
Each option is a flag, an environment variable (--claim_store_directory is ONCE_CLAIM_STORE_DIRECTORY) or a line of the
file that --config names (once.claim_store_directory=...). librdkafka's own properties likewise: --kafka.NAME=VALUE.

Name all topics in which references may stand: those that are written with claim checks, those that these are forwarded
to, and of each application that reads or writes them its dead letters and its changelogs. A blob that a topic refers to
which is not named is lost.

Examples:
  claim_sweep --bootstrap_servers=kafka-1:9092 --claim_store_directory=/srv/claims \
      --topics=scans,scans.dlq,reader-scans-changelog
  claim_sweep --bootstrap_servers=kafka-1:9092 --claim_store_s3_endpoint=https://s3.eu-central-1.amazonaws.com \
      --claim_store_s3_region=eu-central-1 --claim_store_s3_bucket=claims --topics=scans,scans.dlq --delete

Exits with 0 if all went well, 1 if it could not be done, in which case nothing or not all was deleted, 2 if an option is
wrong.
)";

struct Options {
  std::string bootstrap_servers;
  BlobStoreOptions store;
  SweepOptions sweep;
};

Options Load(const Config& config) {
  Options options;
  options.bootstrap_servers = config.Get("bootstrap_servers", "localhost:9092",
                                         {.help = "Brokers to begin with, as host:port,host:port.", .group = kGroup});
  const std::string topics =
      config.Get("topics", "", {.help = "All topics in which references may stand, as a,b.", .group = kGroup});
  options.sweep.topics = absl::StrSplit(topics, ',', absl::SkipEmpty());
  if (options.sweep.topics.empty()) config.AddError("topics", "it is empty; name all in which references may stand");
  options.sweep.grace = config.Get(
      "grace", options.sweep.grace,
      {.help = "Younger blobs are kept: their transactions may be open. At least an hour more than the brokers' "
               "transaction.max.timeout.ms.",
       .group = kGroup});
  options.sweep.patience =
      config.Get("patience", options.sweep.patience,
                 {.help = "How long to wait for a partition that brings nothing, as an open transaction lets it.",
                  .group = kGroup});
  options.sweep.deletes =
      config.GetBool("delete", false, {.help = "Delete; else it is only said what would be.", .group = kGroup});
  options.store = BlobStoreOptionsFrom(config);
  return options;
}

void PrintHelp(const Config& config) {
  std::string text =
      "Deletes payloads in a blob store that no record refers to.\n\nUsage: claim_sweep [--option=value ...]\n\n";
  for (const ConfigOption& option : config.options()) {
    absl::StrAppend(&text, "  --", option.name,
                    option.default_text.empty() ? "" : absl::StrCat("  (default: ", option.default_text, ")"),
                    "\n      ", option.help, "\n");
  }
  fputs(absl::StrCat(text, kHelp).c_str(), stdout);
}

int Run(Options options, const Config& config) {
  StderrLog log(LogLevel::kWarning);
  const auto failed = [](const absl::Status& status, int code) {
    fputs(absl::StrCat("claim_sweep: ", PlainText(ToStd(status.message())), "\n").c_str(), stderr);
    return code;
  };
  const auto store = OpenBlobStore(options.store);
  if (!store.ok()) return failed(store.status(), kExitWrongUsage);
  kafka::RdKafkaConfig kafka;
  kafka.bootstrap_servers = options.bootstrap_servers;
  kafka.client_id = "claim_sweep";
  kafka.extra = config.kafka_properties();
  const auto client = kafka::MakeRdKafkaClient(kafka, &log);
  if (!client.ok()) return failed(client.status(), kExitWrongUsage);
  const char* const does = options.sweep.deletes ? "deleted" : "would delete";
  options.sweep.tell = [does](const BlobInfo& blob) {
    fputs(absl::StrCat(does, " ", blob.name, ", ", blob.bytes, " bytes, of ",
                       absl::FormatTime(absl::RFC3339_sec, blob.written, absl::UTCTimeZone()), "\n")
              .c_str(),
          stdout);
  };
  const absl::StatusOr<SweepReport> report = Sweep(client->get(), store->get(), absl::Now(), options.sweep);
  if (!report.ok())
    return failed(report.status(), absl::IsInvalidArgument(report.status()) ? kExitWrongUsage : kExitFailed);
  fputs(absl::StrCat("blobs=", report->blobs, " young=", report->young, " kept=", report->kept,
                     options.sweep.deletes ? " deleted=" : " would_delete=", report->swept, " bytes=", report->bytes,
                     " records=", report->records, "\n")
            .c_str(),
        stdout);
  return kExitOk;
}

int Main(int argc, char** argv) {
  OpenStandardFiles();
  ConfigInputs inputs = ProgramInputs();
  inputs.args.assign(argv + std::min(argc, 1), argv + argc);
  const Config config = Config::Load(inputs);
  const bool wants_help = config.GetBool("help", false, {.help = "Print this and exit.", .group = "General"});
  Options options = Load(config);
  if (wants_help) {
    PrintHelp(config);
    return kExitOk;
  }
  if (absl::Status checked = config.Check(); !checked.ok()) {
    fputs(absl::StrCat(PlainText(ToStd(checked.message())), "\nclaim_sweep: --help lists all options\n").c_str(),
          stderr);
    return kExitWrongUsage;
  }
  return Run(std::move(options), config);
}

}  // namespace

}  // namespace once::claim_sweep

int main(int argc, char** argv) { return once::claim_sweep::Main(argc, argv); }
