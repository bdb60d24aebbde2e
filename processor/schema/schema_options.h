// Where schemas of a format stand in the registry, and which of them counts.
#ifndef ONCE_PROCESSOR_SCHEMA_SCHEMA_OPTIONS_H_
#define ONCE_PROCESSOR_SCHEMA_SCHEMA_OPTIONS_H_

#include <string>

namespace once {

// What a sink's subject is called; as other serializers of the topic have it.
enum class SubjectNaming {
  kTopicName,        // TOPIC-value
  kRecordName,       // the type's full name
  kTopicRecordName,  // TOPIC-the type's full name
};

// Which schema a sink's values name.
enum class SchemaUse {
  // The newest of its subject when the application starts. The start is refused if the program writes what that schema
  // does not say, with what differs.
  kLatest,
  // The program's own, which somebody must have registered as it is.
  kRegistered,
  // The program's own, registered at the start if the subject lacks it. The registry's rule may refuse that.
  kRegister,
};

struct SchemaOptions {
  SubjectNaming naming = SubjectNaming::kTopicName;
  std::string subject = {};  // Instead of `naming`, as it is.
  SchemaUse use = SchemaUse::kLatest;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_SCHEMA_SCHEMA_OPTIONS_H_
