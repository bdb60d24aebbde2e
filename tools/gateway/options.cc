// One list of names, ranges and help, for loading and --help.
#include "tools/gateway/options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/names.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {

constexpr std::string_view kConnections = "Connections";
constexpr std::string_view kTransactions = "Transactions";
constexpr std::string_view kLimits = "Limits";
constexpr std::string_view kObservation = "Observation";

template <typename T>
void CheckRange(const Config& config, std::string_view name, T value, T least, T most, const std::string& range) {
  if (value < least || value > most) config.AddError(name, absl::StrCat("it is out of range; use ", range));
}

void LoadCount(const Config& config, std::string_view name, int32_t* member, int32_t least, int32_t most,
               std::string_view help) {
  const std::string range = absl::StrCat(least, " to ", most);
  const std::string text = absl::StrCat(ToAbsl(help), " From ", range, ".");
  *member = config.Get(name, *member, {.help = text, .group = kLimits});
  CheckRange(config, name, *member, least, most, range);
}

void LoadTime(const Config& config, std::string_view name, absl::Duration* member, absl::Duration least,
              absl::Duration most, std::string_view help, std::string_view group) {
  const std::string range = absl::StrCat(absl::FormatDuration(least), " to ", absl::FormatDuration(most));
  const std::string text = absl::StrCat(ToAbsl(help), " From ", range, ".");
  *member = config.Get(name, *member, {.help = text, .group = group});
  CheckRange(config, name, *member, least, most, range);
}

std::vector<std::string> LoadList(const Config& config, std::string_view name, std::string_view help) {
  return absl::StrSplit(config.Get(name, "", {.help = help, .group = kConnections}), ',', absl::SkipEmpty());
}

void LoadConnections(const Config& config, GatewayOptions* options) {
  options->bootstrap_servers =
      config.Get("bootstrap_servers", options->bootstrap_servers,
                 {.help = "Brokers to begin with, as host:port,host:port.", .group = kConnections});
  if (options->bootstrap_servers.empty()) config.AddError("bootstrap_servers", "it is empty; write host:port");
  const std::string listen =
      config.Get("listen", options->listen.ToString(),
                 {.help = "Where HTTP is served, ADDRESS:PORT, as 127.0.0.1:8080 or 0.0.0.0:8080; port 0: any.",
                  .group = kConnections});
  if (const auto address = ParseListenAddress(listen); address.ok()) {
    options->listen = *address;
  } else {
    config.AddError("listen", ToStd(address.status().message()));
  }
  options->http_token_file =
      config.Get("http_token_file", "",
                 {.help = "A file whose first line is the token that all but health, metrics and the page itself want, "
                          "as the header \"Authorization: Bearer TOKEN\". Without it these are served on a loopback "
                          "address alone.",
                  .group = kConnections});
  options->descriptor_set = config.Get("descriptor_set", "",
                                       {.help = "The protobuf types of events: a file that protoc --include_imports "
                                                "--descriptor_set_out=FILE has written.",
                                        .group = kConnections});
  options->topics = LoadList(config, "topics",
                             "The topics that clients may write and read, as a,b; a name that ends in * stands for all "
                             "that begin so. Empty: all but internal ones.");
  options->create_topics =
      LoadList(config, "create_topics", "Topics that are made at the start if they are missing, as a,b.");
  options->follow =
      LoadList(config, "follow", "Topics that the gateway counts the messages of, for its status, as a,b.");
  options->group = config.Get("group", "",
                              {.help = "The consumer group of --follow; empty: NAME-INSTANCE_ID. Of instances that "
                                       "share one each counts a part.",
                               .group = kConnections});
}

void LoadTransactions(const Config& config, GatewayOptions* options) {
  options->name = config.Get("name", options->name,
                             {.help = "Beginning of the gateway's transactional ids, and of its internal topic's name. "
                                      "Instances of one name know each other's Idempotency-Keys.",
                              .group = kTransactions});
  options->instance_id = config.Get("instance_id", options->instance_id,
                                    {.help = "This instance's part of the transactional ids; no two running "
                                             "instances of one name may share one, and a restart keeps its.",
                                     .group = kTransactions});
  for (const auto& [option, value] :
       {std::pair("name", options->name), std::pair("instance_id", options->instance_id)}) {
    std::string mistake = NamePartMistake(value);
    if (!mistake.empty()) config.AddError(option, mistake);
  }
  if (options->group.empty()) options->group = absl::StrCat(options->name, "-", options->instance_id);
  options->idempotency_topic = config.Get(
      "idempotency_topic", "",
      {.help = "Where outcomes are kept. Empty: NAME-idempotency. Made where it is missing.", .group = kTransactions});
  if (options->idempotency_topic.empty()) options->idempotency_topic = options->name + "-idempotency";
  if (std::string mistake = TopicNameMistake(options->idempotency_topic); !mistake.empty()) {
    config.AddError("idempotency_topic", mistake);
  }
  LoadTime(config, "idempotency_retention", &options->idempotency_retention, absl::Minutes(1), absl::Hours(24 * 30),
           "How long an Idempotency-Key, and how a transaction ended, is remembered.", kTransactions);
  options->idempotency_max_bytes =
      config.GetBytes("idempotency_max_bytes", options->idempotency_max_bytes,
                      {.help = "Memory for them; beyond it the oldest are forgotten sooner. From 1MiB to 64GiB.",
                       .group = kTransactions});
  CheckRange(config, "idempotency_max_bytes", options->idempotency_max_bytes, int64_t{1} << 20, int64_t{64} << 30,
             "1MiB to 64GiB");
  LoadTime(config, "max_transaction_timeout", &options->max_transaction_timeout, absl::Seconds(1), absl::Minutes(14),
           "The longest timeout of an explicit transaction.", kTransactions);
  options->allow_raw =
      config.Get("allow_raw", options->allow_raw,
                 {.help = "Take values without a type (value_text, value_base64).", .group = kTransactions});
}

void LoadLimits(const Config& config, GatewayOptions* options) {
  LoadCount(config, "producers", &options->producers, 1, 32, "Producers, and threads, for single transactions.");
  LoadCount(config, "max_transactions", &options->max_transactions, 1, 100,
            "Explicit transactions that are open at a time; each has a producer.");
  LoadCount(config, "create_partitions", &options->create_partitions, 1, 10'000, "Partitions of topics that are made.");
  LoadCount(config, "max_events", &options->max_events, 1, 100'000, "Events of one request.");
  LoadCount(config, "max_connections", &options->max_connections, 8, 10'000, "Connections at a time.");
  LoadCount(config, "max_followers", &options->max_followers, 0, 200,
            "Streams of events at a time; each has a consumer.");
  LoadCount(config, "max_queued", &options->max_queued, 1, 100'000, "Requests that wait for their turn.");
  options->max_body_bytes = config.GetBytes("max_body_bytes", options->max_body_bytes,
                                            {.help = "Of a request's body. From 1KiB to 64MiB.", .group = kLimits});
  CheckRange(config, "max_body_bytes", options->max_body_bytes, int64_t{1} << 10, int64_t{64} << 20, "1KiB to 64MiB");
  LoadTime(config, "request_timeout", &options->request_timeout, absl::Seconds(1), absl::Minutes(5),
           "How long a request may wait for its answer.", kLimits);
  LoadTime(config, "client_timeout", &options->client_timeout, absl::Seconds(1), absl::Minutes(5),
           "How long a client may take for sending a request, and for taking the answer.", kLimits);
  LoadTime(config, "start_timeout", &options->start_timeout, absl::Seconds(1), absl::Hours(1),
           "How long a start waits for the brokers.", kLimits);
}

void LoadLog(const Config& config, GatewayOptions* options) {
  const std::string level = config.Get(
      "log_level", "info", {.help = "The least that is logged: debug, info, warning or error.", .group = kObservation});
  if (level == "debug") options->log_level = LogLevel::kDebug;
  if (level == "warning") options->log_level = LogLevel::kWarning;
  if (level == "error") options->log_level = LogLevel::kError;
  if (level != "debug" && level != "info" && level != "warning" && level != "error") {
    config.AddError("log_level", "there is no such level; use debug, info, warning or error");
  }
  const std::string format =
      config.Get("log_format", "text", {.help = "How the log is written: text, or json.", .group = kObservation});
  if (format == "json") options->log_format = LogFormat::kJson;
  if (format != "json" && format != "text") config.AddError("log_format", "there is no such format; use text or json");
}

}  // namespace

GatewayOptions LoadGatewayOptions(const Config& config) {
  GatewayOptions options;
  LoadConnections(config, &options);
  LoadTransactions(config, &options);
  LoadLimits(config, &options);
  LoadLog(config, &options);
  return options;
}

}  // namespace once::gateway
