// A saga with compensation: orders are paid and shipped, or refused with the money back, by two applications that talk
// through topics.
#ifndef ONCE_EXAMPLES_ORDER_SAGA_TOPOLOGY_H_
#define ONCE_EXAMPLES_ORDER_SAGA_TOPOLOGY_H_

#include "absl/status/statusor.h"
#include "once/config.h"
#include "once/topology.h"

// Knows how far each order is, and tells payments and shipping what to do.
absl::StatusOr<once::Topology> BuildOrderSaga(const once::Config& config);

// Payments and shipping: they do what they are told and answer, and know nothing of orders.
absl::StatusOr<once::Topology> BuildOrderServices(const once::Config& config);

#endif  // ONCE_EXAMPLES_ORDER_SAGA_TOPOLOGY_H_
