// Whatever somebody sends as a command: it is one of the application's commands, and takes no option that is not for
// others to set, or it is refused.
#include <algorithm>
#include <string>
#include <vector>

#include "processor/back_office/order.h"
#include "processor/cli/command_line.h"
#include "processor/cli/commands.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const once::cli::Registry kRegistry = once::cli::AllCommands();
  static const once::Graph kNothing;
  once::fuzz::Input input(data, size);
  const std::string body(input.Rest());
  const absl::StatusOr<once::CommandOrder> order = once::ReadOrder(body, kRegistry);
  if (!order.ok()) {
    ONCE_CHECK(absl::IsInvalidArgument(order.status()));
    return 0;
  }
  const once::cli::CommandSpec* const command = kRegistry.Find(order->command);
  ONCE_CHECK(command != nullptr && command->commands_application);
  ONCE_CHECK(order->id.empty() || once::IsOrderId(order->id));
  const std::vector<std::string> words = once::CommandWords(*order, "the-issuer", absl::Seconds(5));
  const once::cli::CommandLine line = once::cli::CommandLine::Read(words, kRegistry);
  if (once::CheckOrder(*order, kRegistry, kNothing).ok()) {
    ONCE_CHECK(line.command() == command && line.settings().empty());
    ONCE_CHECK(line.arguments().Text("issuer") == "the-issuer" && line.arguments().Text("command_id") == order->id);
    ONCE_CHECK(line.arguments().Switch("yes") && line.arguments().Switch("dry_run") == order->is_dry);
    ONCE_CHECK(!line.arguments().Has("raw") && !line.arguments().Has("no_wait"));
    ONCE_CHECK(line.arguments().Text("value", "-") == "-");
  }
  return 0;
}
