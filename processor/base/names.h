// What may be a name in Kafka.
#ifndef ONCE_PROCESSOR_BASE_NAMES_H_
#define ONCE_PROCESSOR_BASE_NAMES_H_

#include <string>
#include <string_view>

namespace once {

// Why `name` is no name of a topic or consumer group, with a fix; empty if it is one.
std::string TopicNameMistake(std::string_view name);

// The same of a name that becomes a part of internal topics' names, such as an application id.
std::string NamePartMistake(std::string_view name);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_NAMES_H_
