// Whether JSON has the shape of a message, where protobuf's own reader takes more than protobuf's JSON is: one value
// for a list, a list for one value, a number for a text.
#ifndef ONCE_TOOLS_GATEWAY_JSON_SHAPE_H_
#define ONCE_TOOLS_GATEWAY_JSON_SHAPE_H_

#include <google/protobuf/descriptor.h>

#include "absl/status/status.h"
#include "tools/gateway/json.h"

namespace once::gateway {

// InvalidArgument, with the field's path. What it says nothing of (names that there are not, ranges, the types of
// google.protobuf with a JSON of their own) is for protobuf's reader.
absl::Status CheckShape(const google::protobuf::Descriptor& type, const Json& json);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_JSON_SHAPE_H_
