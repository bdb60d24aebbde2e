// One transaction for all: frontiers to the changelogs, offsets to the group (F2). Whoever else might write is kept out
// by the membership (SoleMember).
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/names.h"
#include "processor/operator/layout.h"
#include "processor/operator/offsets.h"
#include "processor/operator/sole_member.h"
#include "state/changelog.h"

namespace once {

namespace {

constexpr absl::Duration kPause = absl::Milliseconds(50);
// As the engine's own records: a clock that is ahead of the brokers' must not have them refused (X3).
constexpr absl::Duration kStampedBack = absl::Hours(1);

class Mover {
 public:
  Mover(const Plan& plan, kafka::Client* client, kafka::Admin* admin, const OffsetPlan& offsets,
        const OffsetOptions& options)
      : plan_(plan), client_(client), admin_(admin), offsets_(offsets), options_(options) {}

  absl::Status Run() {
    absl::StatusOr<std::unique_ptr<SoleMember>> member = SoleMember::Join(plan_, client_, admin_, options_.timeout);
    if (!member.ok()) return member.status();
    // Only now nobody else can move anything.
    if (absl::Status same = CheckUnchanged(); !same.ok()) return same;
    if (absl::Status ready = MakeProducer(); !ready.ok()) return ready;
    const absl::Status prepared = Prepare(**member);
    if (!prepared.ok()) return GiveUp(prepared);
    return Commit();
  }

 private:
  // The same call again, as long as that may help.
  kafka::Result Repeat(const std::function<kafka::Result()>& call) const {
    const absl::Time deadline = SteadyNow() + options_.timeout;
    kafka::Result result = call();
    while (result.error == kafka::ErrorClass::kRetriable && SteadyNow() < deadline) {
      absl::SleepFor(kPause);
      result = call();
    }
    return result;
  }

  static absl::Status ToStatus(const char* what, const kafka::Result& result) {
    if (result.ok()) return absl::OkStatus();
    const std::string text = absl::StrCat(what, " failed: ", kafka::ToString(result));
    return result.lasting ? absl::FailedPreconditionError(text) : absl::UnavailableError(text);
  }

  // By what an instance that ran since then would have changed.
  absl::Status CheckUnchanged() const {
    std::vector<TaskId> tasks;
    std::vector<TopicPartition> inputs;
    for (const auto& [task, move] : offsets_.tasks) tasks.push_back(task);
    for (const OffsetMove& move : offsets_.moves) inputs.push_back(move.facts.where);
    const auto committed = admin_->StableCommittedOffsets(plan_.application_id, inputs, options_.timeout);
    if (!committed.ok()) return committed.status();
    const auto frontiers = ReadFrontiers(plan_, client_, admin_, tasks, options_.timeout);
    if (!frontiers.ok()) return frontiers.status();
    bool is_same = true;
    for (const OffsetMove& move : offsets_.moves) {
      const auto found = committed->find(move.facts.where);
      const auto now = found == committed->end() ? std::nullopt : std::make_optional(found->second);
      is_same = is_same && now == move.facts.committed;
    }
    for (const auto& [task, move] : offsets_.tasks) {
      const auto found = frontiers->find(task);
      const uint64_t epoch = found == frontiers->end() ? 0 : found->second.epoch();
      is_same = is_same && move.frontier.epoch() == epoch + 1;
    }
    if (is_same) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "the application has committed since this was planned, so the plan is void; nothing was changed. Stop all "
        "instances, and plan it anew");
  }

  absl::Status MakeProducer() {
    // Its own name, so that two who do this at once fence each other, and nobody else.
    const std::string id = ToolTransactionalId(plan_.application_id, "offsets");
    absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> made =
        client_->NewProducer(id, plan_.changelog_topics);
    if (!made.ok()) return made.status();
    producer_ = *std::move(made);
    return ToStatus("initialising the producer",
                    Repeat([this] { return producer_->InitTransactions(options_.timeout); }));
  }

  absl::Status Prepare(SoleMember& member) {
    if (absl::Status begun = ToStatus("beginning the transaction", producer_->BeginTransaction()); !begun.ok()) {
      return begun;
    }
    const std::string key = FrontierKey();
    std::vector<TopicPartitionOffset> all;
    for (const auto& [task, move] : offsets_.tasks) {
      const std::string value = move.frontier.SerializeAsString();
      const OutputRecord record{.topic_index = task.group,
                                .partition = task.partition,
                                .timestamp_ms = absl::ToUnixMillis(absl::Now() - kStampedBack),
                                .key = key,
                                .value = value};
      const absl::Status sent = ToStatus("writing to the changelog", Repeat([&] { return producer_->Send(record); }));
      if (!sent.ok()) return sent;
      all.insert(all.end(), move.offsets.begin(), move.offsets.end());
    }
    const absl::Status flushed =
        ToStatus("writing to the changelog", Repeat([&] { return producer_->Flush(options_.timeout); }));
    if (!flushed.ok()) return WithFirstFailure(flushed);
    absl::StatusOr<kafka::GroupMetadata> metadata = member.Metadata();
    if (!metadata.ok()) return metadata.status();
    return ToStatus("sending the offsets",
                    Repeat([&] { return producer_->SendOffsets(all, *metadata, options_.timeout); }));
  }

  absl::Status WithFirstFailure(const absl::Status& flushed) {
    std::vector<kafka::Delivery> deliveries;
    producer_->TakeDeliveries(&deliveries);
    for (const kafka::Delivery& each : deliveries) {
      if (each.failed)
        return absl::Status(flushed.code(), absl::StrCat("writing to the changelog failed: ", each.error));
    }
    return flushed;
  }

  // Commit was not called, so nothing can have taken effect, whatever becomes of the abort.
  absl::Status GiveUp(const absl::Status& why) {
    Repeat([this] { return producer_->Abort(options_.timeout); });
    return absl::Status(why.code(), absl::StrCat(why.message(), "; nothing was changed"));
  }

  absl::Status Commit() {
    const kafka::Result committed = Repeat([this] { return producer_->Commit(options_.timeout); });
    if (committed.ok()) return absl::OkStatus();
    const absl::Status why = ToStatus("the commit", committed);
    if (committed.error == kafka::ErrorClass::kAbortable &&
        Repeat([this] { return producer_->Abort(options_.timeout); }).ok()) {
      return absl::Status(why.code(), absl::StrCat(why.message(), "; nothing was changed"));
    }
    return FindOut(why);
  }

  // I7: what is not known is found out by reading, after a new producer has ended the transaction one way or the other.
  absl::Status FindOut(const absl::Status& why) {
    producer_.reset();
    const absl::Status unknown = absl::UnknownError(
        absl::StrCat(why.message(), "; whether it took effect is not known: `offsets show` will tell"));
    if (!MakeProducer().ok()) return unknown;
    std::vector<TopicPartition> inputs;
    for (const OffsetMove& move : offsets_.moves) inputs.push_back(move.facts.where);
    std::vector<TaskId> tasks;
    for (const auto& [task, move] : offsets_.tasks) tasks.push_back(task);
    const auto frontiers = ReadFrontiers(plan_, client_, admin_, tasks, options_.timeout);
    if (!frontiers.ok()) return unknown;
    const auto& [task, move] = *offsets_.tasks.begin();
    const auto found = frontiers->find(task);
    if (found != frontiers->end() && found->second.epoch() == move.frontier.epoch()) return absl::OkStatus();
    return absl::Status(why.code(), absl::StrCat(why.message(), "; nothing was changed"));
  }

  const Plan& plan_;
  kafka::Client* const client_;
  kafka::Admin* const admin_;
  const OffsetPlan& offsets_;
  const OffsetOptions& options_;
  std::unique_ptr<kafka::TransactionalProducer> producer_;
};

}  // namespace

absl::Status MoveOffsets(const Plan& plan, kafka::Client* client, kafka::Admin* admin, const OffsetPlan& offsets,
                         const OffsetOptions& options) {
  if (offsets.tasks.empty()) return absl::OkStatus();
  return Mover(plan, client, admin, offsets, options).Run();
}

}  // namespace once
