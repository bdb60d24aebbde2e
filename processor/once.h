// All that an application is written with, in one include. Its parts, which include less:
//
//   once/topology.h      sources, aggregates, transforms, sinks
//   once/contexts.h      what handlers are given
//   once/codec.h         how types become bytes
//   once/value_format.h  the same by objects: schema registries, envelopes
//   once/per_worker.h    an object of its own for each worker
//   once/main.h          a program out of a topology
//   once/application.h   the same inside a program of yours
//   once/config.h        settings by flag, environment and file
//   once/options.h       those that every application has
//   once/msk_iam.h       tokens for Amazon MSK
//   once/stderr_log.h    where messages go
//   once/version.h       which Once this is
//   once/windowed_keys.h keys of Kafka Streams' windows
//
// Tests include once/testing.h.
#ifndef ONCE_PROCESSOR_ONCE_H_
#define ONCE_PROCESSOR_ONCE_H_

#include "processor/application.h"
#include "processor/codec.h"
#include "processor/config.h"
#include "processor/contexts.h"
#include "processor/main.h"
#include "processor/msk_iam.h"
#include "processor/options.h"
#include "processor/per_worker.h"
#include "processor/stderr_log.h"
#include "processor/topology.h"
#include "processor/value_format.h"
#include "processor/version.h"
#include "processor/windowed_keys.h"

#endif  // ONCE_PROCESSOR_ONCE_H_
