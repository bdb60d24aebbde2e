#include "processor/config/observation.h"

#include <string_view>

#include "processor/base/listen_address.h"

namespace once {

namespace {

constexpr std::string_view kGroup = "Observation";

LogLevel LoadLogLevel(const Config& config) {
  const std::string text = config.Get(
      "log_level", "info", {.help = "The least that is logged: debug, info, warning or error.", .group = kGroup});
  if (text == "debug") return LogLevel::kDebug;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  if (text != "info") config.AddError("log_level", "there is no such level; use debug, info, warning or error");
  return LogLevel::kInfo;
}

LogFormat LoadLogFormat(const Config& config) {
  const std::string text = config.Get(
      "log_format", "text",
      {.help = "How the log is written: text, or json, an object a line, with what it is about (task, topic, "
               "partition, offset, key) in members of their own.",
       .group = kGroup});
  if (text == "json") return LogFormat::kJson;
  if (text != "text") config.AddError("log_format", "there is no such format; use text or json");
  return LogFormat::kText;
}

}  // namespace

void LoadObservation(const Config& config, Options* options) {
  options->log_level = LoadLogLevel(config);
  options->log_format = LoadLogFormat(config);
  options->http_listen = config.Get(
      "http_listen", options->http_listen,
      {.help = "Serve probes (/livez, /readyz, /startupz), /metrics, and as JSON the pod's status, dead letters, the "
               "audit and commands of operators (/v1/..., described at /openapi.json) by HTTP at this ADDRESS:PORT, as "
               "127.0.0.1:8080 or 0.0.0.0:8080; port 0: any. Empty: nothing is served.",
       .group = kGroup});
  options->http_token_file = config.Get(
      "http_token_file", options->http_token_file,
      {.help = "A file with a token on each line, one of which all but probes and metrics want, as the header "
               "\"Authorization: Bearer TOKEN\"; behind it may stand name=NAME and expires=TIME. It is read "
               "again when it changes. Without it these are served on a loopback address alone.",
       .group = kGroup});
}

std::string HttpListenMistake(const Options& options) {
  if (options.http_listen.empty()) {
    return options.http_token_file.empty() ? "" : "it is not set, but http_token_file is; say where to listen";
  }
  return std::string(ParseListenAddress(options.http_listen).status().message());
}

}  // namespace once
