// R3b, X3: which event's record the broker refuses, found out without accusing its neighbours.
#include "processor/engine/suspects.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

// More than any epoch holds.
constexpr int64_t kMostGrouped = int64_t{1} << 40;

}  // namespace

Suspects::Treatment Suspects::TreatmentOf(const Place& place) const {
  // Alone in its epoch, so that whatever is refused there is its own.
  if (known_.contains(place)) return Treatment::kAlone;
  const auto careful = careful_to_.find(place.where);
  return careful != careful_to_.end() && place.offset < careful->second ? Treatment::kGrouped : Treatment::kFree;
}

std::vector<Place> Suspects::OnStopped() {
  std::vector<Place> deadly;
  std::erase_if(known_, [&](const auto& entry) {
    const auto& [place, known] = entry;
    if (known.is_deadly) deadly.push_back(place);
    return !known.blamed_for.empty() && !known.is_deadly;
  });
  return deadly;
}

const std::string* Suspects::BlamedFor(const Place& place) const {
  const auto found = known_.find(place);
  return found == known_.end() || found->second.blamed_for.empty() ? nullptr : &found->second.blamed_for;
}

bool Suspects::IsDeadly(const Place& place) const {
  const auto found = known_.find(place);
  return found != known_.end() && found->second.is_deadly;
}

absl::StatusCode Suspects::BlameCode(const Place& place) const {
  const auto found = known_.find(place);
  return found == known_.end() ? absl::StatusCode::kOutOfRange : found->second.code;
}

bool Suspects::NeedsOmission(const Place& place, bool follows) const {
  const auto found = known_.find(place);
  // A head is stored once more when it has failed; a follower has only its place in the queue.
  return found != known_.end() && found->second.own_refusals >= (follows ? 1 : 2);
}

bool Suspects::NeedsMinimalLetter(const Place& place) const {
  const auto found = known_.find(place);
  return found != known_.end() && found->second.minimal_letter;
}

void Suspects::Suspect(const Ran& ran) {
  // What is read again is careful up to where it had been read.
  for (const auto& [where, next] : ran.read_to) {
    Offset& to = careful_to_[where];
    to = std::max(to, next);
  }
  // By halves: of a thousand events the culprit runs alone after ten aborts.
  group_ = std::max(int64_t{1}, ran.events / 2);
}

absl::Status Suspects::Blame(const Refused& refused, const Place& place) {
  Known& known = known_[place];
  const std::string event = ToString(place.where, place.offset);
  switch (refused.what) {
    case Refused::What::kOutput:
      known.blamed_for = absl::StrCat("the broker refused a record of it for ", refused.topic, ": ", refused.error);
      return absl::OkStatus();
    case Refused::What::kDeadLetter:
      // Nothing smaller can be written, so it is the topic that has to be mended.
      if (known.minimal_letter) {
        return absl::FailedPreconditionError(absl::StrCat("topic ", refused.topic,
                                                          " refuses even the smallest dead letter, of event ", event,
                                                          ": ", refused.error, "; mend the topic's settings"));
      }
      known.minimal_letter = true;
      return absl::OkStatus();
    case Refused::What::kOwn:
      if (known.own_refusals >= 2) {
        return absl::FailedPreconditionError(
            absl::StrCat("topic ", refused.topic, " refuses a record of the engine's own, about event ", event,
                         ", which has failed already: ", refused.error,
                         "; set its max.message.bytes to at least twice the largest source's"));
      }
      // One that was to fail already, and whose failure is refused, has only its place left to be parked.
      known.own_refusals += known.blamed_for.empty() || known.own_refusals > 0 ? 1 : 2;
      known.blamed_for =
          absl::StrCat("the broker refused the state that it leaves, for ", refused.topic, ": ", refused.error);
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Suspects::OnRefused(const Ran& ran, std::span<const Refused> refused) {
  bool apart = false;
  std::set<std::pair<Place, bool>> judged;  // Several records of one event are one refusal, of it or of its letter.
  for (const Refused& each : refused) {
    const bool own = each.what == Refused::What::kOwn;
    // A frontier alone: no event is to blame, the topic takes no records of ours.
    if (own && ran.events == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("topic ", each.topic, " refuses a record of the engine's own: ", each.error,
                       "; set its max.message.bytes to at least twice the largest source's"));
    }
    // X3a: a refused batch says nothing of its records: they are run apart until one is refused alone.
    if (!ran.only.has_value() && (own || each.refusal != kafka::Refusal::kAlone)) {
      apart = true;
      if (each.likeliest && !own) known_.try_emplace(each.cause);
      continue;
    }
    // A command that runs alone is not what its letter is of.
    const Place& place = own ? *ran.only : each.cause;
    if (!judged.emplace(place, each.what == Refused::What::kDeadLetter).second) continue;
    if (absl::Status blamed = Blame(each, place); !blamed.ok()) return blamed;
  }
  if (apart) Suspect(ran);
  return absl::OkStatus();
}

void Suspects::OnOutgrown(const Place& place, bool was_alone, const std::string& why) {
  // A broker that is slow for a while is not the event's fault.
  constexpr int kPatience = 3;
  Known& known = known_[place];
  if (was_alone && ++known.outgrown >= kPatience) known.blamed_for = why;
}

void Suspects::Clear(const Place& place, std::vector<Place>* settled) {
  const auto known = known_.find(place);
  if (known == known_.end()) return;
  if (known->second.was_told) settled->push_back(place);
  known_.erase(known);
}

std::vector<Place> Suspects::OnCommitted(const Ran& ran) {
  std::vector<Place> settled;
  if (empty()) return settled;
  // X3: an event whose value was not to be had is as suspect as before.
  if (ran.only.has_value() && !ran.is_unrun) Clear(*ran.only, &settled);
  for (const Place& place : ran.ended) Clear(place, &settled);
  // What commits is innocent: back to full speed, in steps.
  group_ = std::min(2 * group_, kMostGrouped);
  EndCare(ran.read_to);
  return settled;
}

void Suspects::OnOpened(const std::map<TopicPartition, Offset>& read_to,
                        const std::function<bool(const Place&)>& is_over) {
  EndCare(read_to);
  std::erase_if(known_, [&](const auto& known) { return is_over(known.first); });
}

// Once all that was in the refused epoch has committed, the culprit included.
void Suspects::EndCare(const std::map<TopicPartition, Offset>& read_to) {
  const bool has_passed = std::all_of(careful_to_.begin(), careful_to_.end(), [&](const auto& careful) {
    const auto read = read_to.find(careful.first);
    return read == read_to.end() || read->second >= careful.second;
  });
  if (has_passed) careful_to_.clear();
}

}  // namespace once
