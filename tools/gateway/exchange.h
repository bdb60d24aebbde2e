// One request on libmicrohttpd, from its first byte to its answer's last.
#ifndef ONCE_TOOLS_GATEWAY_EXCHANGE_H_
#define ONCE_TOOLS_GATEWAY_EXCHANGE_H_

#include <microhttpd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "processor/base/mutex.h"
#include "processor/http/waker.h"
#include "tools/gateway/server.h"

namespace once::gateway {

// What is sent to a follower: filled by other threads, emptied by the server's. While there is nothing to send its
// connection is suspended.
class MhdStream final : public EventStream {
 public:
  MhdStream(size_t max_bytes, std::shared_ptr<const http::Waker> waker)
      : max_bytes_(max_bytes), waker_(std::move(waker)) {}

  bool Push(const std::string& text) override;
  size_t pending() const override;
  void End() override;
  bool has_ended() const override;

  // On the server's thread. The connection that it is for, before any of it is read.
  void SetConnection(MHD_Connection* connection);
  // Since when the client has taken nothing of what there is; nothing if there is nothing to take.
  std::optional<absl::Time> WaitsSince() const;
  // libmicrohttpd's callbacks; the latter ends the shared ownership that `self` is.
  static ssize_t Read(void* self, uint64_t position, char* into, size_t size);
  static void Free(void* self);

 private:
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_bytes_;
  const std::shared_ptr<const http::Waker> waker_;
  mutable Mutex mutex_;
  std::string pending_ ABSL_GUARDED_BY(mutex_);
  absl::Time since_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_gone_ ABSL_GUARDED_BY(mutex_) = false;
  MHD_Connection* connection_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool is_suspended_ ABSL_GUARDED_BY(mutex_) = false;
};

// A request that is read, then waits suspended for its answer.
class Exchange final : public Responder {
 public:
  // `waker` is that of the server's thread.
  Exchange(size_t max_stream_bytes, std::shared_ptr<const http::Waker> waker)
      : max_stream_bytes_(max_stream_bytes), waker_(std::move(waker)) {}

  void Answer(http::Response response) override;
  std::shared_ptr<EventStream> Stream(const std::string& content_type) override;
  bool is_answered() const override;

  // All that follows is for the server's thread.
  //
  // Before it is handed on: the connection sleeps until there is an answer.
  void Suspend(MHD_Connection* connection);
  // The connection has ended: nobody is to be woken any more.
  void Abandon();
  // Queues the answer, if there is one.
  std::optional<MHD_Result> Send(MHD_Connection* connection);
  std::shared_ptr<MhdStream> stream() const;
  size_t answer_bytes() const;

  Request request = {};
  size_t body_bytes = 0;      // Counted among those that are pending.
  bool is_handed_on = false;  // To the handler.
  bool is_sent = false;       // The answer is queued.
  absl::Time handed_on_at = absl::InfiniteFuture();

 private:
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_stream_bytes_;
  const std::shared_ptr<const http::Waker> waker_;
  mutable Mutex mutex_;
  MHD_Connection* suspended_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool is_answered_ ABSL_GUARDED_BY(mutex_) = false;
  http::Response answer_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<MhdStream> stream_ ABSL_GUARDED_BY(mutex_);
};

// Queues an answer of that content, with the headers that all have.
MHD_Result SendResponse(MHD_Connection* connection, const http::Response& answer, std::shared_ptr<MhdStream> stream);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_EXCHANGE_H_
