// An object of its own for each worker, for services that are not thread-safe (a connection, a parser, a random
// source).
//
//   once::PerWorker<GeoDatabase> geo([] { return std::make_unique<GeoDatabase>("/data/geo"); });
//   builder.AddTransform("locate").EmitsTo(located).On<Visit>(visits, [geo, located](const Visit& visit, auto& event) {
//     event.Emit(located, geo->Find(visit.address()));
//     return absl::OkStatus();
//   });
//
// What a handler does outside Kafka happens at least once, not exactly once: give such a service event().id() to
// deduplicate by.
#ifndef ONCE_PROCESSOR_PER_WORKER_H_
#define ONCE_PROCESSOR_PER_WORKER_H_

#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

namespace once {

// Copies share the factory but no object: each makes its own at its first use, on the thread that uses it. A handler's
// captures are copied per worker and per registration, so two handlers of one worker have two objects. The factory may
// be called from several threads at once; while it throws, or returns null, events that use the object fail as INTERNAL
// and the next one calls it again. A copy is used by one thread.
template <typename T>
class PerWorker {
 public:
  using Factory = std::function<std::unique_ptr<T>()>;

  explicit PerWorker(Factory factory) : factory_(std::make_shared<const Factory>(std::move(factory))) {}
  PerWorker(const PerWorker& other) : factory_(other.factory_) {}
  PerWorker& operator=(const PerWorker&) = delete;

  T& operator*() const {
    if (object_ == nullptr) object_ = (*factory_)();
    // The one way out of a handler's middle; it ends at the handler's call.
    if (object_ == nullptr) throw std::runtime_error("the factory of a PerWorker returned null");
    return *object_;
  }
  T* operator->() const { return &**this; }

 private:
  std::shared_ptr<const Factory> factory_;
  mutable std::unique_ptr<T> object_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_PER_WORKER_H_
