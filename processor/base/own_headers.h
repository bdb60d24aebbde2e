// Names of headers by which Once's records say what they are: an event's identity, and what a dead letter tells.
#ifndef ONCE_PROCESSOR_BASE_OWN_HEADERS_H_
#define ONCE_PROCESSOR_BASE_OWN_HEADERS_H_

#include <string>
#include <string_view>

namespace once {

// Unix milliseconds as text: the timestamp of an event whose record could not carry it.
inline constexpr char kTimestampHeader[] = "once.timestamp";

// A reference to the event's value, which no record could hold (TopologyBuilder::KeepLargeEvents).
inline constexpr char kKeptHeader[] = "once.kept";

// R6: of those that a dead letter adds by Once's names; they are taken off an event that is sent back.
bool IsOnceLetterHeader(std::string_view name);

// What is wrong with a header of this name that a handler adds, with one fix; empty: nothing. One of the engine's kind,
// by its prefix, would stand for the event's identity to whoever reads the record (E4, X8).
std::string HandlerHeaderMistake(std::string_view name);
// The same of a format, whose headers may begin with "ce_" or "once.", but be none that the engine itself writes.
std::string FormatHeaderMistake(std::string_view name);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_OWN_HEADERS_H_
