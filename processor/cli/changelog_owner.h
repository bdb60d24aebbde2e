// What makes a changelog unfit for a view: it is another application's, or of a version that this one cannot read.
#ifndef ONCE_PROCESSOR_CLI_CHANGELOG_OWNER_H_
#define ONCE_PROCESSOR_CLI_CHANGELOG_OWNER_H_

#include <string>

#include "absl/status/status.h"
#include "once/v1/changelog.pb.h"
#include "processor/base/record.h"
#include "processor/cli/context.h"

namespace once::cli {

// FailedPrecondition, with its owner's name, if the frontier is of another application (I9: names of application and
// group that are joined to a topic's name can collide).
absl::Status CheckOwner(const Context& context, const std::string& changelog, const v1::Frontier& frontier);
// DataLoss, with the record's place.
absl::Status Unreadable(const std::string& changelog, const RecordView& record, const absl::Status& why);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_CHANGELOG_OWNER_H_
