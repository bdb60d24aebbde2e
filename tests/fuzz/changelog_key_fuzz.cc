// Keys of the changelog and the checkpoint: what is written is read back, and only what is written is read.
#include <string>

#include "state/changelog.h"
#include "tests/fuzz/input.h"

namespace once {
namespace {

std::string Encode(const ChangelogKey& key) {
  switch (key.kind) {
    case ChangelogKind::kState:
      return StateKeyPrefix(key.store).append(key.record_key);
    case ChangelogKind::kAggregateStatus:
      return AggregateStatusKey(key.record_key);
    case ChangelogKind::kParkedEvent:
      return ParkedEventKey(key.record_key, key.sequence);
    case ChangelogKind::kEventIds:
      return EventIdsKey(key.bucket, key.sequence);
    case ChangelogKind::kFrontier:
      return FrontierKey();
    case ChangelogKind::kKeylessStatus:
      return KindPrefix(key.kind).append(key.record_key);
    case ChangelogKind::kKeylessEvent:
      return QueuedEventKey(KindPrefix(ChangelogKind::kKeylessStatus).append(key.record_key), key.sequence);
    case ChangelogKind::kControl:
      return ControlKey(key.control, key.record_key);
  }
  return "";
}

bool Equal(const ChangelogKey& a, const ChangelogKey& b) {
  return a.kind == b.kind && a.store == b.store && a.record_key == b.record_key && a.bucket == b.bucket &&
         a.sequence == b.sequence && a.control == b.control;
}

// Equal keys have equal bytes, so there is one way to write each.
void CheckArbitrary(std::string_view bytes) {
  const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(bytes);
  if (key.ok()) {
    ONCE_CHECK(Encode(*key) == bytes);
    ONCE_CHECK(bytes.starts_with(KindPrefix(key->kind)));
  } else {
    ONCE_CHECK(absl::IsDataLoss(key.status()));
    ONCE_CHECK(key.status().message().size() < 1024);
  }
}

// What commands leave behind has names by its kind: a number, a rule, none.
std::string NameControl(fuzz::Input* input, ChangelogKey* key) {
  constexpr ControlKind kKinds[] = {ControlKind::kDone, ControlKind::kUnderWay, ControlKind::kNever,
                                    ControlKind::kPaused};
  key->control = kKinds[input->Choice(4)];
  if (key->control == ControlKind::kDone || key->control == ControlKind::kUnderWay) {
    key->sequence = input->Number();
    return SequenceName(key->sequence);
  }
  return key->control == ControlKind::kNever ? std::string("r").append(input->Rest()) : "";
}

void CheckStructured(fuzz::Input* input) {
  ChangelogKey key;
  key.kind = static_cast<ChangelogKind>(1 + input->Choice(8));
  if (key.kind == ChangelogKind::kState) key.store = input->Bytes();
  if (key.kind == ChangelogKind::kEventIds) key.bucket = input->Number();
  if (key.kind == ChangelogKind::kEventIds || key.kind == ChangelogKind::kParkedEvent ||
      key.kind == ChangelogKind::kKeylessEvent) {
    key.sequence = input->Number();
  }
  std::string name;
  if (key.kind == ChangelogKind::kControl) {
    name = NameControl(input, &key);
    key.record_key = name;
  } else if (key.kind != ChangelogKind::kEventIds && key.kind != ChangelogKind::kFrontier) {
    key.record_key = input->Rest();
  }
  const std::string bytes = Encode(key);
  const absl::StatusOr<ChangelogKey> parsed = ParseChangelogKey(bytes);
  ONCE_CHECK(parsed.ok() && Equal(*parsed, key));
  if (key.kind == ChangelogKind::kParkedEvent) ONCE_CHECK(bytes.starts_with(ParkedEventKeyPrefix(key.record_key)));
}

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  if (input.Flag()) {
    once::CheckStructured(&input);
  } else {
    once::CheckArbitrary(input.Rest());
  }
  return 0;
}
