#include "processor/http/openapi_schemas.h"

namespace once::http {

namespace {

constexpr Field kHealth[] = {{"ok", "boolean"}, {"why", "string", "In words."}};
constexpr Field kStatus[] = {{"application", "string"},
                             {"instance", "string"},
                             {"version", "string"},
                             {"phase", "string", "starting, running or stopping"},
                             {"now", "time"},
                             {"started_at", "time"},
                             {"memory_bytes", "integer", "The process's budget."},
                             {"live", "Health"},
                             {"ready", "Health"},
                             {"started", "Health"},
                             {"workers", "[]Worker"}};
constexpr Field kWorker[] = {
    {"worker", "integer", "The other properties are missing until it has said something of itself."},
    {"at", "time", "When this was so."},
    {"tasks", "Phases", "How many of its tasks are in each phase."},
    {"lag", "integer", "Events that wait at the brokers, as far as known."},
    {"blocked_aggregates", "integer"},
    {"parked_events", "integer"},
    {"events", "Events", "What became of events since the start, committed."},
    {"commits", "integer"},
    {"aborts", "Aborts"},
    {"latency_seconds", "Latency"},
    {"dead_letters", "[]DeadLetterCount", "Since the start, by what became of their events and why."},
    {"nodes", "[]NodeFlows", "What went through the topology since the start, committed."},
    {"producer_rebuilds", "integer"},
    {"waits_for_memory", "boolean"},
    {"memory_bytes", "Memory"},
    {"step_seconds", "number", "How long the handlers that are running now have been."},
    {"event_under_way", "?string"},
    {"last_error", "?string", "Why the last transaction was given up that was."},
    {"last_error_at", "?time"}};
constexpr Field kPhases[] = {{"opening", "integer"},
                             {"restoring", "integer"},
                             {"running", "integer"},
                             {"paused", "integer"},
                             {"failed", "integer"}};
constexpr Field kEvents[] = {{"processed", "integer"}, {"ignored", "integer"},   {"duplicates", "integer"},
                             {"failed", "integer"},    {"blocked", "integer"},   {"rejected", "integer"},
                             {"skipped", "integer"},   {"discarded", "integer"}, {"never_processed", "integer"},
                             {"retries", "integer"},   {"outputs", "integer"},   {"released_aggregates", "integer"},
                             {"commands", "integer"}};
constexpr Field kAborts[] = {{"rebalance", "integer"},   {"fenced", "integer"}, {"refused", "integer"},
                             {"not_written", "integer"}, {"call", "integer"},   {"local_state", "integer"}};
constexpr Field kLatency[] = {
    {"bounds", "[]number", "Upper ends of buckets; one more bucket is beyond the last."},
    {"commit", "[]integer", "How many transactions took so long to commit, in each bucket alone."},
    {"event", "[]integer", "The same from an event's timestamp to its commit, of a sample."}};
constexpr Field kDeadLetterCount[] = {
    {"disposition", "string", "failed, blocked, rejected, skipped, discarded or never_processed"},
    {"reason", "string", "A status code."},
    {"count", "integer"}};
constexpr Field kNodeFlows[] = {{"node", "string"},
                                {"in", "[]InFlow"},
                                {"out", "[]OutFlow"},
                                {"failed", "integer", "Events that failed there, for good."}};
constexpr Field kInFlow[] = {{"source", "string"}, {"events", "integer"}};
constexpr Field kOutFlow[] = {{"sink", "string"}, {"events", "integer"}};
constexpr Field kMemory[] = {{"clean_state", "integer"},      {"dirty_state", "integer"},
                             {"copies_for_disk", "integer"},  {"event_ids", "integer"},
                             {"parked_queues", "integer"},    {"fetched", "integer"},
                             {"open_transaction", "integer"}, {"share", "integer", "What the worker may use in all."}};
constexpr Field kApplicationAnswer[] = {{"pods", "[]PodAnswer", "By instance."},
                                        {"incomplete", "?string", "Why others may be missing."}};
constexpr Field kPodAnswer[] = {{"instance", "string"},
                                {"address", "?string", "Where it is asked."},
                                {"self", "boolean", "It is the one that was asked."},
                                {"answered", "boolean"},
                                {"why", "?string", "Unless it answered."},
                                {"seconds", "number", "How long it took."},
                                {"answer", "?any", "As it answers the same path without a scope; null if it did not."}};
constexpr Field kTasks[] = {{"tasks", "[]Task"}};
constexpr Field kTask[] = {{"name", "string", "Its first input: topic and partition."},
                           {"group", "string"},
                           {"partition", "integer"},
                           {"worker", "integer"},
                           {"phase", "string", "opening, restoring, running, paused or failed"},
                           {"why", "?string", "What it waits for, or why it failed."},
                           {"owner_since", "time"},
                           {"inputs", "[]Input"},
                           {"behind_seconds", "?number", "Age of the oldest event that was fetched and waits."},
                           {"restore", "?Restore"},
                           {"blocked_aggregates", "integer"},
                           {"retrying_aggregates", "integer"},
                           {"parked_events", "integer"},
                           {"parked_bytes", "integer"},
                           {"oldest_failure_at", "?time"},
                           {"oldest_failure_seconds", "?number"},
                           {"window", "Window", "Event IDs that are remembered."},
                           {"state_bytes", "StateBytes"},
                           {"checkpoint_age_seconds", "?number"}};
constexpr Field kInput[] = {
    {"topic", "string"},
    {"partition", "integer"},
    {"next_offset", "integer"},
    {"end_offset", "?integer", "One past the last record, as far as was heard."},
    {"last_stable_offset", "?integer", "Up to where it could be read, when that end was met last."},
    {"lag", "?integer"},
    {"held_back_seconds", "number", "How long an open transaction of another producer has held it back."}};
constexpr Field kRestore[] = {{"done", "integer"}, {"target", "integer"}, {"seconds_left", "?number"}};
constexpr Field kWindow[] = {{"ids", "integer"}, {"bytes", "integer"}};
constexpr Field kStateBytes[] = {{"clean", "integer"}, {"dirty", "integer", "What the checkpoint lacks."}};
constexpr Field kParked[] = {{"aggregates", "[]Blocked", "Of each task those that are blocked longest, 100 at most."},
                             {"not_shown", "integer", "How many more there are."}};
constexpr Field kBlocked[] = {
    {"task", "string"},
    {"group", "string"},
    {"aggregate", "string", "The key; empty: an event without one waits for another attempt."},
    {"state", "string", "retrying, parked (until it is released) or draining"},
    {"events", "integer", "That wait, the one that failed included."},
    {"event_id", "string", "Of the one that failed."},
    {"reason", "string"},
    {"attempts", "integer"},
    {"since", "time"},
    {"seconds", "number"}};
constexpr Field kTopology[] = {
    {"application", "string"}, {"sources", "[]Source"},         {"nodes", "[]Node"},
    {"sinks", "[]Sink"},       {"dead_letter_topic", "string"}, {"changelog_topics", "[]string"}};
constexpr Field kSource[] = {{"name", "string"}, {"topic", "string"}, {"group", "string"}};
constexpr Field kNode[] = {{"name", "string"},
                           {"kind", "string", "aggregate or transform"},
                           {"state", "?string", "The type of an aggregate's state."},
                           {"hears", "[]string", "Names of sources."},
                           {"emits_to", "[]string", "Names of sinks."}};
constexpr Field kSink[] = {{"name", "string"}, {"topic", "string"}, {"type", "string"}};
constexpr Field kError[] = {{"error", "string"}};

// As the command line's --json has them: docs/operations.md.
// Of what brokers are asked for.
constexpr Field kAsOf = {"as_of", "string", "What was visible as committed then is in it."};
constexpr Field kDeadLetters[] = {kAsOf,
                                  {"topic", "string"},
                                  {"letters", "[]DeadLetter", "In the order of time, the latest last."},
                                  {"notes", "[]string", "What is not shown, and why.", true}};
constexpr Field kDeadLetter[] = {
    {"place", "string", "PARTITION/OFFSET in the topic."},
    {"time", "string"},
    {"disposition", "string"},
    {"reason", "string"},
    {"key", "string"},
    {"event_id", "string"},
    {"event_type", "string"},
    {"origin", "string"},
    {"blocked_by", "string"},
    {"round", "string"},
    {"message", "string"},
    {"value", "?any", "Decoded by the application's own type; {\"text\": ...} or {\"base64\": ...} if it has none."}};
constexpr Field kAudit[] = {kAsOf,
                            {"results", "[]AuditResult", "In the order of time, the latest last."},
                            {"notes", "[]string", "What is not shown, and why.", true}};
constexpr Field kAuditResult[] = {{"time", "string"},
                                  {"command_id", "string"},
                                  {"issuer", "string"},
                                  {"command", "string"},
                                  {"about", "string"},
                                  {"task", "string"},
                                  {"outcome", "string", "APPLIED, REFUSED or DUPLICATE"},
                                  {"code", "string", "Of a refusal."},
                                  {"queues", "integer"},
                                  {"events", "integer"},
                                  {"event_id", "string"},
                                  {"hash_before", "?string"},
                                  {"hash_after", "?string"},
                                  {"reason", "string", "Why it was given."},
                                  {"message", "string"}};
constexpr Field kAggregate[] = {kAsOf,
                                {"aggregate", "string"},
                                {"key", "string"},
                                {"partition", "?integer", "Where its state is; null: it has none."},
                                {"type", "?string", "Of the state."},
                                {"state", "?any", "Decoded; null: there is none."},
                                {"phase", "string", "open, retrying, parked or draining"},
                                {"blocked", "?Blockage", "Null: it is open."},
                                {"notes", "[]string", "What is not shown, and why."}};
constexpr Field kBlockage[] = {{"task", "string"},
                               {"reason", "string"},
                               {"message", "string"},
                               {"event_id", "string", "Of the event that blocks."},
                               {"attempts", "integer"},
                               {"failed_at", "string"},
                               {"events", "integer", "That wait, the one that failed included."},
                               {"queue", "[]object", "Of these the first, decoded; as `parked show --json` has them."}};
constexpr Field kCommand[] = {
    {"command", "string", "Of the command line, such as \"parked skip\"; docs/operations.md has them."},
    {"arguments", "[]string", "As there.", true},
    {"options", "object", "As there, by their names: texts, numbers, and of switches true.", true},
    {"value", "any", "Of \"parked replace\": JSON of the event's type.", true},
    {"command_id", "string", "Letters, digits, '.', '_' and '-', 64 at most: it takes effect once.", true},
    {"dry_run", "boolean", "Nothing is sent; the answer is what would be done.", true}};
constexpr Field kWould[] = {{"would", "string", "In words."},
                            {"aggregates", "integer", "How many it is about, if that can be told.", true},
                            {"events", "integer", "How many wait there.", true},
                            {"tasks", "integer", "How many it would be sent to.", true}};
constexpr Field kJob[] = {
    {"id", "string", "The command's."},
    {"url", "string"},
    {"state", "string",
     "pending, done, refused (by a task, or before anything was sent) or unclear (not answered in "
     "time, or not known whether it was sent; asked again, it looks in the audit)"},
    {"command", "?string"},
    {"issuer", "?string"},
    {"asked_at", "?string"},
    {"code", "?string", "Unless it is done: a status code."},
    {"message", "?string", "Unless it is done: why."},
    {"results", "[]JobResult", "Of the tasks that have answered."}};
constexpr Field kJobResult[] = {{"task", "string"},    {"outcome", "string"}, {"code", "string"},
                                {"queues", "integer"}, {"events", "integer"}, {"message", "string"}};

constexpr Schema kSchemas[] = {
    {"Health", kHealth},
    {"Status", kStatus},
    {"Worker", kWorker},
    {"Phases", kPhases},
    {"Events", kEvents},
    {"Aborts", kAborts},
    {"Latency", kLatency},
    {"DeadLetterCount", kDeadLetterCount},
    {"NodeFlows", kNodeFlows},
    {"InFlow", kInFlow},
    {"OutFlow", kOutFlow},
    {"Memory", kMemory},
    {"ApplicationAnswer", kApplicationAnswer},
    {"PodAnswer", kPodAnswer},
    {"Tasks", kTasks},
    {"Task", kTask},
    {"Input", kInput},
    {"Restore", kRestore},
    {"Window", kWindow},
    {"StateBytes", kStateBytes},
    {"Parked", kParked},
    {"Blocked", kBlocked},
    {"Topology", kTopology},
    {"Source", kSource},
    {"Node", kNode},
    {"Sink", kSink},
    {"Error", kError},
    {"DeadLetters", kDeadLetters},
    {"DeadLetter", kDeadLetter},
    {"Audit", kAudit},
    {"AuditResult", kAuditResult},
    {"Aggregate", kAggregate},
    {"Blockage", kBlockage},
    {"Command", kCommand},
    {"Would", kWould},
    {"Job", kJob},
    {"JobResult", kJobResult},
};

}  // namespace

std::span<const Schema> Schemas() { return kSchemas; }

}  // namespace once::http
