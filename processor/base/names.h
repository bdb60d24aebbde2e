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

// Whether a cluster can hold only one of two topics: Kafka tells '.' and '_' not apart in names of topics.
bool AreOneTopicToKafka(std::string_view a, std::string_view b);

// "<application>-<instance>-<worker>-<slot>": the transactional id of a worker's producer. No two of them are equal
// unless all four parts are: a '-' of the instance's, which would leave open where the application ends ("a" and "b-c",
// "a-b" and "c"), is written '~', which no name has.
std::string TransactionalId(std::string_view application_id, std::string_view instance_id, int worker, int slot);

// "<application>-+<tool>": of an operator's tool, below the application's prefix, by which rights are given. No
// instance can have it, whatever it is called.
std::string ToolTransactionalId(std::string_view application_id, std::string_view tool);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_NAMES_H_
