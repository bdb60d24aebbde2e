// A dashboard for those without a browser: the same picture again and again, with how fast it changes.
#include "processor/cli/top.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"
#include "processor/cli/context.h"
#include "processor/cli/top_picture.h"

namespace once::cli {

namespace {

// Lines that are not tasks: what is above and below them, with a pod or two.
constexpr int kOtherLines = 12;
constexpr size_t kFewestTasks = 3;
constexpr absl::Duration kShortest = absl::Milliseconds(100);

// Where to look, and how.
struct Looks {
  std::vector<std::string> urls = {};  // None: at the topics.
  std::string token = {};
  absl::Duration interval = absl::Seconds(2);
};

absl::StatusOr<Looks> ReadLooks(Context* context) {
  const Arguments& args = context->args();
  Looks looks{.interval = std::max(args.Duration("interval", absl::Seconds(2)), kShortest)};
  for (const absl::string_view each : absl::StrSplit(args.Text("url"), ',', absl::SkipEmpty())) {
    std::string url(each);
    if (!absl::StrContains(url, "://")) url = absl::StrCat("http://", url);
    if (!absl::StartsWith(url, "http://") && !absl::StartsWith(url, "https://")) {
      return absl::InvalidArgumentError(absl::StrCat("--url=", Printable(url), " is no HOST:PORT and no URL"));
    }
    while (url.back() == '/') url.pop_back();
    looks.urls.push_back(std::move(url));
  }
  if (!args.Has("token_file")) return looks;
  if (looks.urls.empty()) return absl::InvalidArgumentError("--token_file is for --url: say where the pods are");
  absl::StatusOr<std::string> file = context->environment().read_file(args.Text("token_file"));
  if (!file.ok()) return file.status();
  for (const absl::string_view each : absl::StrSplit(*file, '\n')) {
    const absl::string_view line = absl::StripAsciiWhitespace(each);
    if (line.empty() || line.front() == '#') continue;
    // What stands behind a token is for the pods.
    looks.token = std::string(line.substr(0, line.find_first_of(" \t")));
    return looks;
  }
  return absl::InvalidArgumentError("--token_file has no token");
}

absl::StatusOr<Picture> Look(Context* context, const Looks& looks) {
  return looks.urls.empty() ? ReadTopics(context) : AskPods(context, looks.urls, looks.token);
}

// Two looks, so that there is a pace to tell.
absl::Status ShowOnce(Context* context, const Looks& looks) {
  const absl::StatusOr<Picture> before = Look(context, looks);
  if (!before.ok()) return before.status();
  if (!context->environment().pause(looks.interval)) return absl::OkStatus();
  const absl::StatusOr<Picture> now = Look(context, looks);
  if (!now.ok()) return now.status();
  ShowPicture(*now, &*before, SIZE_MAX, &context->out());
  return absl::OkStatus();
}

// One picture as it is written: over the one before on a terminal, below it elsewhere.
bool Write(Context* context, const Terminal& terminal, bool is_json, const std::string& problem) {
  if (!problem.empty()) context->out().AddNote(problem);
  const std::string text = is_json ? context->out().ToJson() : context->out().ToText();
  return context->environment().write_out(is_json || !terminal.begin ? text : terminal.Frame(text));
}

absl::Status ShowAgainAndAgain(Context* context, const Looks& looks) {
  const bool is_json = context->args().Switch("json");
  const Terminal terminal =
      context->environment().out_is_terminal && !is_json ? context->environment().terminal : Terminal();
  std::optional<Picture> before;
  const absl::StatusOr<Picture> first = Look(context, looks);
  // What is wrong from the start is said, and not shown again and again.
  if (!first.ok()) return first.status();
  if (terminal.begin) terminal.begin();
  absl::StatusOr<Picture> now = first;
  while (true) {
    const size_t lines =
        terminal.size ? static_cast<size_t>(std::max(terminal.size().first - kOtherLines, 0)) : SIZE_MAX;
    context->ClearOutput();
    if (now.ok())
      ShowPicture(*now, before.has_value() ? &*before : nullptr, std::max(lines, kFewestTasks), &context->out());
    if (!Write(context, terminal, is_json, now.ok() ? "" : std::string(now.status().message()))) break;
    if (now.ok()) before = *std::move(now);
    const bool goes_on = terminal.wait ? terminal.wait(looks.interval) : context->environment().pause(looks.interval);
    if (!goes_on) break;
    now = Look(context, looks);
  }
  if (terminal.end) terminal.end();
  // All of it has been written.
  context->ClearOutput();
  context->out().SetVerbatim("");
  return absl::OkStatus();
}

absl::Status RunTop(Context& context) {
  const absl::StatusOr<Looks> looks = ReadLooks(&context);
  if (!looks.ok()) return looks.status();
  return context.args().Switch("once") ? ShowOnce(&context, *looks) : ShowAgainAndAgain(&context, *looks);
}

}  // namespace

void AddTopCommand(Registry* registry) {
  registry->Add(
      {.path = "top",
       .summary = "Show pods and tasks as they go: rates, lag, what is blocked. q ends it.",
       .description =
           "By what pods say at --url, or by the topics alone, which know neither pods nor phases. Tasks that "
           "are worst off come first.",
       .options = {{.name = "url",
                    .value_name = "HOST:PORT,...",
                    .help = "Where pods serve HTTP (--http_listen), all of them. Default: none, the topics are read."},
                   {.name = "token_file",
                    .value_name = "FILE",
                    .help = "With --url: the pods' --http_token_file; its first token is sent."},
                   {.name = "interval",
                    .kind = OptionKind::kDuration,
                    .value_name = "SECONDS",
                    .help = "Between two looks. Default: 2s."},
                   {.name = "once", .kind = OptionKind::kSwitch, .help = "Look twice, show it once, and end."}},
       .examples = {"top", "top --url=pod-0:8080,pod-1:8080 --token_file=token", "top --once --json"},
       .run = RunTop});
}

}  // namespace once::cli
