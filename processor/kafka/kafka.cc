#include "processor/kafka/kafka.h"

#include "absl/strings/str_cat.h"

namespace once::kafka {

std::string ToString(const Result& result) { return absl::StrCat(result.code, ": ", result.message); }

}  // namespace once::kafka
