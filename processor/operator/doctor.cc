#include "processor/operator/doctor.h"

#include "processor/operator/doctor_checks.h"

namespace once {

const char* LevelName(FindingLevel level) {
  switch (level) {
    case FindingLevel::kOk:
      return "OK";
    case FindingLevel::kWarn:
      return "WARN";
    case FindingLevel::kFail:
      break;
  }
  return "FAIL";
}

std::vector<Finding> Examine(const DoctorOptions& options, kafka::Client* client, kafka::Admin* admin, Plan* plan) {
  Findings findings;
  Patient patient{.options = options, .client = client, .admin = admin, .plan = plan};
  CheckClient(patient, &findings);
  if (!CheckBrokers(&patient, &findings)) return findings.Take();
  CheckTimeouts(patient, &findings);
  CheckTransactions(patient, &findings);
  const bool has_group = CheckGroup(&patient, &findings);
  const bool has_sources = CheckTopics(&patient, &findings);
  CheckReplication(patient, &findings);
  CheckRights(patient, &findings);
  CheckLimits(patient, &findings);
  if (!has_sources) return findings.Take();
  CheckRecords(patient, &findings);
  if (has_group) CheckTasks(patient, &findings);
  return findings.Take();
}

}  // namespace once
