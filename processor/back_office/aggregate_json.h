// An aggregate as somebody sees it who asks for it by HTTP.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_AGGREGATE_JSON_H_
#define ONCE_PROCESSOR_BACK_OFFICE_AGGREGATE_JSON_H_

#include <string>

#include "processor/back_office/inside.h"

namespace once {

// Of what `state get` and `parked show` have said, of which one may be NotFound.
std::string AggregateJson(const std::string& aggregate, const std::string& key, const RunOutcome& state,
                          const RunOutcome& queue);

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_AGGREGATE_JSON_H_
