// The properties that the linked librdkafka knows, and which of them a user may set.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_PROPERTIES_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_PROPERTIES_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace once::kafka {

struct Property {
  std::string canonical;  // Its name, or the name that it is an alias of.
  bool for_producers = true;
  bool for_consumers = true;
};

// All properties that can be set as text, by name, aliases included. Thread-safe.
const std::map<std::string, Property>& KnownProperties();

// Whether our own value of a property counts, whatever a user gives: those for which only one value keeps the
// guarantees. A user may give that value, but it need not be ours for every kind of handle.
bool IsOwn(const std::string& canonical_name);

// Whether nobody may see a property's value. Names that librdkafka does not have are judged by what they look like.
bool IsSecret(std::string_view name);

// "sasl.password.file" is the path of what sasl.password is: so it is for secrets, and for what comes together with
// them.
inline constexpr std::string_view kFileSuffix = ".file";
// The property whose file `name` names, or empty.
std::string PropertyOfFile(std::string_view name);
// Whether there is such a name for the property.
bool TakesFile(std::string_view name);

// The name that stands for all names of a property, NAME.file included; `name` itself if nobody knows it.
std::string CanonicalName(const std::string& name);

// Whether a user may set this property to this value: InvalidArgument, with what to do instead, if librdkafka does not
// know it, does not take the value, or if exactly-once would break. Of NAME.file the file is read, as its value. No
// message has a secret in it.
absl::Status CheckUserProperty(const std::string& name, const std::string& value);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_PROPERTIES_H_
