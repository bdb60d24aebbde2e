// Headers of dead letters as other frameworks write them, by which their tools read ours.
//
// Kafka Streams': __streams.errors.{exception,message,stacktrace,topic,partition,offset}, all as text. Connect's:
// __connect.errors.{topic,partition,offset,connector.name,task.id,stage,class.name,exception.class.name,
// exception.message,exception.stacktrace}, all as text: the application, the partition's number, VALUE_CONVERTER of
// what could not be decoded and TRANSFORMATION of all else, and the node. Spring's: kafka_dlt-original-topic and
// -consumer-group as text, -partition (4 bytes), -offset and -timestamp (8 bytes each), big-endian, -timestamp-type as
// text; kafka_dlt-exception-{fqcn,cause-fqcn,message,stacktrace} as text. An exception is the reason; there are no
// traces of stacks.
#ifndef ONCE_PROCESSOR_ENGINE_FOREIGN_HEADERS_H_
#define ONCE_PROCESSOR_ENGINE_FOREIGN_HEADERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "processor/base/arena.h"
#include "processor/base/letter_families.h"
#include "processor/base/record.h"
#include "processor/engine/dead_letter.h"

namespace once {

// Appends those of `families`. `message` is the letter's as text; it, what `letter` points to and `record` live as long
// as `headers`, or are in `arena`.
void AppendForeignHeaders(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                          std::string_view message, const LetterFamilies& families, Arena* arena,
                          std::vector<HeaderView>* headers);

// Whether a header of that name is of one of `families`.
bool IsForeignHeader(std::string_view name, const LetterFamilies& families);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_FOREIGN_HEADERS_H_
