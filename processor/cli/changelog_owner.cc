#include "processor/cli/changelog_owner.h"

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::cli {

absl::Status Unreadable(const std::string& changelog, const RecordView& record, const absl::Status& why) {
  return absl::DataLossError(absl::StrCat(ToString({changelog, record.partition}, record.offset),
                                          " cannot be read: ", std::string(why.message())));
}

absl::Status CheckOwner(const Context& context, const std::string& changelog, const v1::Frontier& frontier) {
  if (frontier.application().empty() || frontier.application() == context.application_id()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(changelog, " is of application \"",
                                                    Printable(frontier.application()), "\", and this is \"",
                                                    context.application_id(), "\": say --application_id"));
}

}  // namespace once::cli
