#include "processor/cli/context.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::cli {

absl::StatusOr<kafka::Client*> Context::client() {
  if (client_ != nullptr) return client_.get();
  auto client = environment_->connect(options(), config());
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  return client_.get();
}

absl::StatusOr<kafka::Admin*> Context::admin() {
  if (admin_ != nullptr) return admin_.get();
  const absl::StatusOr<kafka::Client*> made = client();
  if (!made.ok()) return made.status();
  auto admin = (*made)->NewAdmin();
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);
  return admin_.get();
}

absl::Status Context::Confirm(const std::string& what) {
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
