#include "processor/cli/context.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"

namespace once::cli {

std::string Terminal::Frame(const std::string& text) const {
  const auto [lines, columns] = size ? size() : std::pair(25, 80);
  // Each line is cleared to its end, and what is below them.
  std::string frame = "\033[H";
  int count = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (++count >= lines) break;
    int width = 0;
    for (const char c : line) {
      // Bytes that go on a UTF-8 sequence take no column.
      if ((static_cast<unsigned char>(c) & 0xc0) != 0x80 && ++width > columns) break;
      frame.push_back(c);
    }
    frame += "\033[K\r\n";
  }
  return frame + "\033[J";
}

absl::StatusOr<kafka::Client*> Context::client() {
  if (environment_->client != nullptr) return environment_->client;
  if (client_ != nullptr) return client_.get();
  auto client = environment_->connect(options(), config());
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  return client_.get();
}

absl::StatusOr<kafka::Admin*> Context::admin() {
  if (environment_->admin != nullptr) return environment_->admin;
  if (admin_ != nullptr) return admin_.get();
  const absl::StatusOr<kafka::Client*> made = client();
  if (!made.ok()) return made.status();
  auto admin = (*made)->NewAdmin();
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);
  return admin_.get();
}

absl::Status Context::CheckCancelled() const {
  if (!environment_->is_cancelled || !environment_->is_cancelled()) return absl::OkStatus();
  return absl::CancelledError("it took too long, and was given up");
}

absl::Status Context::Confirm(const std::string& what, const Touched& touched) {
  if (command().commands_application && args().Switch("dry_run")) {
    has_shown_dry_run_ = true;
    out_.Add("would", "would", what);
    for (const auto& [name, number] : {std::pair("aggregates", touched.aggregates), std::pair("events", touched.events),
                                       std::pair("tasks", touched.tasks)}) {
      if (number.has_value()) out_.Add(name, name, *number);
    }
    return absl::CancelledError("this was a dry run");
  }
  if (args().Switch("yes")) return absl::OkStatus();
  if (!environment_->can_ask) {
    return absl::FailedPreconditionError(absl::StrCat("this would ", what,
                                                      "; there is no terminal to ask at, so nothing was done: say --yes"
                                                      " to do it"));
  }
  environment_->write_error(PlainText(absl::StrCat("This will ", what, ".\nGo on? [y/N] ")));
  const std::optional<std::string> answer = environment_->read_line();
  const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer.value_or("")));
  if (word == "y" || word == "yes") return absl::OkStatus();
  return absl::CancelledError("the answer was not yes; nothing was done");
}

}  // namespace once::cli
