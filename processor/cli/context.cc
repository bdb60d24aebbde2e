#include "processor/cli/context.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::cli {

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
