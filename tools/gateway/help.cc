#include "tools/gateway/help.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace once::gateway {

namespace {

constexpr size_t kWidth = 100;
constexpr size_t kIndent = 6;

void AppendWrapped(const std::string& text, std::string* out) {
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column != 0 && column + 1 + word.size() > kWidth) {
      absl::StrAppend(out, "\n");
      column = 0;
    }
    absl::StrAppend(out, column == 0 ? std::string(kIndent, ' ') : " ", word);
    column += word.size() + (column == 0 ? kIndent : 1);
  }
  absl::StrAppend(out, "\n");
}

void AppendOption(const ConfigOption& option, std::string* out) {
  if (option.type == "switch") {
    absl::StrAppend(out, "  --[no]", option.name, "  (default: ", option.default_text, ")\n");
  } else {
    absl::StrAppend(out, "  --", option.name, "=",
                    option.default_text.empty() ? absl::AsciiStrToUpper(option.type) : option.default_text, "\n");
  }
  AppendWrapped(option.help, out);
}

}  // namespace

std::string GatewayHelp(const std::string& program, const Config& config) {
  const std::string name = program.substr(program.rfind('/') + 1);
  std::string text =
      absl::StrCat("Writes events to Kafka, and reads them, by HTTP and JSON; in transactions.\n\nUsage: ", name,
                   " [--option=value ...]\n");
  const std::vector<ConfigOption> options = config.options();
  std::vector<std::string> groups;
  for (const ConfigOption& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  }
  for (const std::string& group : groups) {
    absl::StrAppend(&text, "\n", group, " (with their defaults):\n");
    for (const ConfigOption& option : options) {
      if (option.group == group) AppendOption(option, &text);
    }
  }
  absl::StrAppend(&text, R"(
Each option is a flag (--listen=HOST:PORT), an environment variable (ONCE_LISTEN) or a line of the file that --config
names (once.listen=HOST:PORT); the first that is found counts. librdkafka's own properties likewise:
--kafka.security.protocol=SSL, KAFKA_SECURITY_PROTOCOL, security.protocol=SSL.

Examples:
  )",
                  name, " --bootstrap_servers=kafka-1:9092 --listen=127.0.0.1:8080 --descriptor_set=orders.pb\n  ",
                  name, " --listen=0.0.0.0:8080 --http_token_file=/run/secrets/token --topics=orders,payments\n  ",
                  "curl -H 'Content-Type: application/json' -H 'Idempotency-Key: 1' -d '{\"events\": [\n      "
                  "{\"topic\": \"orders\", \"key\": \"alice\", \"type\": \"orders.v1.OrderPlaced\",\n       "
                  "\"value\": {\"order_id\": \"1\", \"customer_id\": \"alice\", \"cents\": 100}}]}' \\\n      "
                  "http://127.0.0.1:8080/api/v1/producer/transaction\n");
  return text;
}

}  // namespace once::gateway
