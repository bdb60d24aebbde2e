#include "processor/cli/laid_out.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"
#include "processor/operator/layout.h"

namespace once::cli {

absl::StatusOr<LaidOut> Connect(Context& context) {
  const absl::StatusOr<kafka::Client*> client = context.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<kafka::Admin*> admin = context.admin();
  if (!admin.ok()) return admin.status();
  return LaidOut{
      .plan = MakePlan(context.shared_graph(), context.application_id()), .client = *client, .admin = *admin};
}

absl::StatusOr<LaidOut> Describe(Context& context) {
  absl::StatusOr<LaidOut> application = Connect(context);
  if (!application.ok()) return application;
  const absl::Status described = DescribeLayout(application->admin, context.call_timeout(), &application->plan);
  if (!described.ok()) return described;
  return application;
}

PreflightOptions PreflightOptionsOf(const Context& context) {
  const Options& options = context.options();
  size_t max_record_bytes = SIZE_MAX;
  const std::map<std::string, std::string>& properties = context.config().kafka_properties();
  // librdkafka refuses what is no number.
  if (const auto set = properties.find("message.max.bytes"); set != properties.end()) {
    if (!absl::SimpleAtoi(set->second, &max_record_bytes)) max_record_bytes = SIZE_MAX;
  }
  return {.bootstrap_servers = options.bootstrap_servers,
          .create_topics = false,
          .create_partitions = options.create_partitions,
          .timeout = context.call_timeout(),
          .max_record_bytes = max_record_bytes,
          .takes_commands = options.commands};
}

std::vector<OptionSpec> InputOptions() {
  return {
      {.name = "source", .value_name = "NAMES", .help = "Sources or their topics, separated by commas. Default: all."},
      {.name = "partition", .value_name = "NUMBERS", .help = "Partitions, separated by commas. Default: all."}};
}

absl::StatusOr<OffsetSelection> InputsOf(const Context& context) {
  OffsetSelection selection;
  for (const absl::string_view name : absl::StrSplit(context.args().Text("source"), ',', absl::SkipEmpty())) {
    selection.sources.emplace_back(name);
  }
  for (const absl::string_view text : absl::StrSplit(context.args().Text("partition"), ',', absl::SkipEmpty())) {
    int32_t partition = 0;
    if (!absl::SimpleAtoi(text, &partition) || partition < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--partition: \"", Printable(ToStd(text)), "\" is no partition; give numbers, such as 0,3"));
    }
    selection.partitions.insert(partition);
  }
  return selection;
}

Cell OffsetCell(const std::optional<Offset>& offset) {
  if (!offset.has_value()) return Cell(Json(), "-");
  return Cell(offset->value());
}

}  // namespace once::cli
