#include "tests/testkit/transaction_coordinator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace once::testkit {

using kafka::ErrorClass;
using kafka::Result;

Result MakeResult(ErrorClass error, const std::string& code, const std::string& message, bool is_fenced) {
  Result result;
  result.error = error;
  result.fenced = is_fenced;
  result.code = code;
  result.message = message;
  return result;
}

Result TransactionCoordinator::CheckAvailable(const std::string& id, absl::Time now) const {
  if (now >= available_) return Result::Ok();
  return MakeResult(ErrorClass::kRetriable, "COORDINATOR_LOAD_IN_PROGRESS",
                    absl::StrCat("the transaction coordinator of ", id, " is moving"));
}

Result TransactionCoordinator::Init(const std::string& id, absl::Duration timeout, absl::Time now,
                                    ProducerIdentity* identity) {
  if (Result away = CheckAvailable(id, now); !away.ok()) return away;
  Transaction& transaction = transactions_[id];
  if (transaction.producer_id == kNoProducer) transaction.producer_id = next_producer_id_++;
  if (transaction.state == State::kOngoing) {
    // From here on the old producer is fenced, even if this call must be repeated.
    ++transaction.epoch;
    StartEnding(id, transaction, false, now);
  }
  if (transaction.state == State::kEnding) {
    return MakeResult(ErrorClass::kRetriable, "CONCURRENT_TRANSACTIONS",
                      absl::StrCat("initialising ", id, ": its last transaction is still ending"));
  }
  ++transaction.epoch;
  transaction.timeout = timeout;
  transaction.has_ended_one = false;
  *identity = {id, transaction.producer_id, transaction.epoch};
  return Result::Ok();
}

Result TransactionCoordinator::Bump(absl::Time now, ProducerIdentity* identity) {
  const Transaction* found = nullptr;
  if (Result refused = Enter(*identity, now, &found); !refused.ok()) return refused;
  return Init(identity->transactional_id, found->timeout, now, identity);
}

Result TransactionCoordinator::Enter(const ProducerIdentity& identity, absl::Time now,
                                     const Transaction** transaction) const {
  const std::string& id = identity.transactional_id;
  if (Result away = CheckAvailable(id, now); !away.ok()) return away;
  const auto found = transactions_.find(id);
  if (found == transactions_.end() || found->second.epoch != identity.epoch) {
    return MakeResult(ErrorClass::kFatal, "_FENCED",
                      absl::StrCat("producer ", id, " with epoch ", identity.epoch,
                                   " was fenced: another took its id over, or its transaction timed out"),
                      true);
  }
  if (found->second.state == State::kEnding) {
    return MakeResult(ErrorClass::kRetriable, "CONCURRENT_TRANSACTIONS",
                      absl::StrCat("the last transaction of ", id, " is still ending"));
  }
  *transaction = &found->second;
  return Result::Ok();
}

Result TransactionCoordinator::Begin(const ProducerIdentity& identity, absl::Time now, Transaction** transaction) {
  const Transaction* entered = nullptr;
  if (Result refused = Enter(identity, now, &entered); !refused.ok()) return refused;
  auto* const found = const_cast<Transaction*>(entered);
  if (found->state == State::kEmpty) {
    found->state = State::kOngoing;
    found->deadline = now + found->timeout;
    next_deadline_ = std::min(next_deadline_, found->deadline);
  }
  *transaction = found;
  return Result::Ok();
}

Result TransactionCoordinator::AddPartition(const ProducerIdentity& identity, const TopicPartition& where,
                                            absl::Time now) {
  Transaction* transaction = nullptr;
  if (Result result = Begin(identity, now, &transaction); !result.ok()) return result;
  transaction->partitions.insert(where);
  return Result::Ok();
}

Result TransactionCoordinator::AddGroup(const ProducerIdentity& identity, const std::string& group, absl::Time now) {
  Transaction* transaction = nullptr;
  if (Result result = Begin(identity, now, &transaction); !result.ok()) return result;
  transaction->groups.insert(group);
  return Result::Ok();
}

Result TransactionCoordinator::VerifyPartition(const ProducerIdentity& identity, const TopicPartition& where,
                                               absl::Time now) const {
  const Transaction* transaction = nullptr;
  if (Result refused = Enter(identity, now, &transaction); !refused.ok()) return refused;
  if (transaction->partitions.contains(where)) return Result::Ok();
  return MakeResult(ErrorClass::kAbortable, "INVALID_TXN_STATE",
                    absl::StrCat(ToString(where), " is not in a transaction of ", identity.transactional_id));
}

Result TransactionCoordinator::VerifyGroup(const ProducerIdentity& identity, const std::string& group,
                                           absl::Time now) const {
  const Transaction* transaction = nullptr;
  if (Result refused = Enter(identity, now, &transaction); !refused.ok()) return refused;
  if (transaction->groups.contains(group)) return Result::Ok();
  return MakeResult(ErrorClass::kFatal, "INVALID_TXN_STATE",
                    absl::StrCat("group ", group, " is not in a transaction of ", identity.transactional_id));
}

Result TransactionCoordinator::End(const ProducerIdentity& identity, bool is_commit, absl::Time now) {
  const Transaction* entered = nullptr;
  Result refused = Enter(identity, now, &entered);
  const auto found = transactions_.find(identity.transactional_id);
  const bool is_ending = refused.code == "CONCURRENT_TRANSACTIONS";
  if (!refused.ok() && !(is_ending && found->second.is_commit != is_commit)) return refused;
  Transaction& transaction = found->second;
  if (transaction.state != State::kOngoing) {
    if (transaction.has_ended_one && transaction.is_commit == is_commit) return Result::Ok();
    return MakeResult(ErrorClass::kFatal, "INVALID_TXN_STATE",
                      absl::StrCat(is_commit ? "committing" : "aborting", " a transaction of ",
                                   identity.transactional_id, ": none is open"));
  }
  StartEnding(identity.transactional_id, transaction, is_commit, now);
  return Result::Ok();
}

void TransactionCoordinator::StartEnding(const std::string& id, Transaction& transaction, bool is_commit,
                                         absl::Time now) {
  transaction.state = State::kEnding;
  transaction.is_commit = is_commit;
  transaction.has_ended_one = true;
  transaction.deadline = absl::InfiniteFuture();
  transaction.is_observed = false;
  if (!is_holding_) {
    WriteMarkers(id, transaction, now);
  } else if (!is_holding_groups_) {
    WriteGroupMarkers(id, transaction);
  }
}

void TransactionCoordinator::WriteMarkers(const std::string& id, Transaction& transaction, absl::Time now) {
  CommittedTransaction committed{id, {}};
  const bool is_observed = observer_ != nullptr && transaction.is_commit && !transaction.is_observed;
  if (is_observed) committed.records = OpenRecords(transaction);
  for (const TopicPartition& where : transaction.partitions) {
    // Of a partition that is gone there is nothing to end.
    PartitionLog* const log = topics_->Find(where);
    if (log == nullptr) continue;
    log->EndTransaction(transaction.producer_id, transaction.epoch, transaction.is_commit, absl::ToUnixMillis(now));
  }
  for (const std::string& group : transaction.groups) {
    groups_->EndPending(group, transaction.producer_id, transaction.is_commit);
  }
  transaction.partitions.clear();
  transaction.groups.clear();
  transaction.state = State::kEmpty;
  if (is_observed) observer_(committed);
}

void TransactionCoordinator::WriteGroupMarkers(const std::string& id, Transaction& transaction) {
  for (const std::string& group : transaction.groups) {
    groups_->EndPending(group, transaction.producer_id, transaction.is_commit);
  }
  transaction.groups.clear();
  if (observer_ == nullptr || !transaction.is_commit) return;
  transaction.is_observed = true;
  observer_({id, OpenRecords(transaction)});
}

std::vector<std::pair<TopicPartition, StoredRecordPtr>> TransactionCoordinator::OpenRecords(
    const Transaction& transaction) {
  std::vector<std::pair<TopicPartition, StoredRecordPtr>> records;
  for (const TopicPartition& where : transaction.partitions) {
    const PartitionLog* const log = topics_->Find(where);
    if (log == nullptr) continue;
    for (StoredRecordPtr& record : log->OpenRecords(transaction.producer_id)) {
      records.emplace_back(where, std::move(record));
    }
  }
  return records;
}

void TransactionCoordinator::ReleaseMarkers(absl::Time now) {
  is_holding_ = false;
  for (auto& [id, transaction] : transactions_) {
    if (transaction.state == State::kEnding) WriteMarkers(id, transaction, now);
  }
}

void TransactionCoordinator::Expire(absl::Time now) {
  if (now < next_deadline_ || now < available_) return;
  next_deadline_ = absl::InfiniteFuture();
  for (auto& [id, transaction] : transactions_) {
    if (transaction.state == State::kOngoing && now >= transaction.deadline) {
      ++transaction.epoch;
      StartEnding(id, transaction, false, now);
    }
    next_deadline_ = std::min(next_deadline_, transaction.deadline);
  }
}

bool TransactionCoordinator::IsOpen(const std::string& id) const {
  const auto found = transactions_.find(id);
  return found != transactions_.end() && found->second.state != State::kEmpty;
}

}  // namespace once::testkit
