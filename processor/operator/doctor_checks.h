// The checks of Examine, each by itself; doctor.cc has their order.
#ifndef ONCE_PROCESSOR_OPERATOR_DOCTOR_CHECKS_H_
#define ONCE_PROCESSOR_OPERATOR_DOCTOR_CHECKS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "processor/kafka/kafka.h"
#include "processor/operator/doctor.h"

namespace once {

// What was found so far.
class Findings {
 public:
  void Ok(std::string check, std::string what) {
    all_.push_back({FindingLevel::kOk, std::move(check), std::move(what)});
  }
  void Warn(std::string check, std::string what, std::string fix) {
    all_.push_back({FindingLevel::kWarn, std::move(check), std::move(what), std::move(fix)});
  }
  void Fail(std::string check, std::string what, std::string fix) {
    all_.push_back({FindingLevel::kFail, std::move(check), std::move(what), std::move(fix)});
  }
  // `what` if nothing was found since `before`, a value of size().
  void OkUnlessFound(size_t before, std::string check, std::string what) {
    if (all_.size() == before) Ok(std::move(check), std::move(what));
  }
  size_t size() const { return all_.size(); }
  std::vector<Finding> Take() { return std::move(all_); }

 private:
  std::vector<Finding> all_;
};

// What the checks look at.
struct Patient {
  const DoctorOptions& options;
  kafka::Client* client = nullptr;
  kafka::Admin* admin = nullptr;
  Plan* plan = nullptr;
  kafka::ClusterDescription cluster = {};
  kafka::GroupDescription group = {};
  std::map<std::string, kafka::TopicDescription> topics = {};  // Those that are there.
};

// False if no broker answers: then nothing else can be found out.
bool CheckBrokers(Patient* patient, Findings* findings);
void CheckClient(const Patient& patient, Findings* findings);
void CheckTimeouts(const Patient& patient, Findings* findings);
void CheckTransactions(const Patient& patient, Findings* findings);
// False if the group cannot be described.
bool CheckGroup(Patient* patient, Findings* findings);

// False if not all sources are there.
bool CheckTopics(Patient* patient, Findings* findings);
void CheckReplication(const Patient& patient, Findings* findings);
void CheckRights(const Patient& patient, Findings* findings);
void CheckLimits(const Patient& patient, Findings* findings);

void CheckRecords(const Patient& patient, Findings* findings);
void CheckTasks(const Patient& patient, Findings* findings);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_DOCTOR_CHECKS_H_
