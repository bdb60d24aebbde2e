#include "tests/sim/pod_faults.h"

#include "absl/strings/str_cat.h"

namespace once::sim {

bool HitPod(const ScheduledFault& fault, const Plan& plan, SimPod* pod, Network* network, Random* random) {
  Scheduler& scheduler = network->scheduler();
  const absl::Time end = scheduler.now() + fault.length;
  switch (fault.kind) {
    case FaultKind::kCrash:
    case FaultKind::kLoseDisk:
    case FaultKind::kTorn:
      pod->Crash(fault.kind == FaultKind::kLoseDisk);
      if (fault.kind == FaultKind::kTorn && !pod->running()) pod->disk().Tear(random, plan);
      scheduler.At(end, [pod] { pod->Start(); });
      return true;
    case FaultKind::kPause:
      pod->Pause(fault.length);
      return true;
    case FaultKind::kCut:
      network->Cut(pod->process_id(), end);
      return true;
    case FaultKind::kCall:
      network->Arm(fault.call);
      return true;
    case FaultKind::kLeave:
      pod->RequestStop();
      return true;
    case FaultKind::kDiskFull:
      pod->disk().SetFull(true);
      scheduler.At(end, [pod] { pod->disk().SetFull(false); });
      return true;
    case FaultKind::kCorrupt:
      pod->disk().Corrupt(random, plan);
      return true;
    default:
      return false;
  }
}

void ExpireAnyMember(const std::string& application_id, testkit::MemoryCluster* cluster, Random* random) {
  const std::vector<std::string> members = cluster->Members(application_id);
  if (members.empty()) return;
  cluster->ExpireMember(members[static_cast<size_t>(random->Below(static_cast<int64_t>(members.size())))]);
}

int32_t CountPartitions(const std::string& topic, const testkit::MemoryCluster& cluster) {
  int32_t count = 0;
  while (cluster.HasPartition({topic, Partition(count)})) ++count;
  return count;
}

std::string FindUnsettled(const Plan& plan, const testkit::MemoryCluster& cluster) {
  for (const std::string& topic : cluster.TopicNames()) {
    for (int32_t p = 0; p < CountPartitions(topic, cluster); ++p) {
      const TopicPartition where{topic, Partition(p)};
      if (cluster.LastStableOffset(where) != cluster.HighWatermark(where)) {
        return absl::StrCat("a transaction is open in ", once::ToString(where));
      }
    }
  }
  for (const std::string& topic : plan.ConsumedTopics()) {
    for (int32_t p = 0; p < CountPartitions(topic, cluster); ++p) {
      const TopicPartition where{topic, Partition(p)};
      const Offset committed = cluster.PeekCommittedOffset(plan.application_id, where).value_or(Offset(-1));
      const Offset end = cluster.HighWatermark(where);
      if (committed != end) {
        return absl::StrCat(plan.application_id, " has committed ", once::ToString(where), " up to ", committed.value(),
                            " of ", end.value());
      }
    }
  }
  return "";
}

}  // namespace once::sim
