// Answers that come later, from other threads, and the connections that wait for them.
#ifndef ONCE_PROCESSOR_HTTP_MAILBOX_H_
#define ONCE_PROCESSOR_HTTP_MAILBOX_H_

#include <microhttpd.h>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "processor/base/mutex.h"
#include "processor/http/message.h"
#include "processor/http/waker.h"

namespace once::http {

// Thread-safe. A connection that waits is suspended: MHD neither reads of it nor ends it, so it is there until it is
// resumed.
class Mailbox {
 public:
  // Wakes when a connection is resumed.
  const Waker& waker() const { return waker_; }

  // From now on an answer is taken for the number that it returns.
  uint64_t Open() {
    MutexLock lock(&mutex_);
    letters_.emplace(++last_, Letter());
    return last_;
  }

  // Once; by whoever has the answer. Nothing becomes of one for a number that is not open.
  void Put(uint64_t number, Response response) {
    MutexLock lock(&mutex_);
    const auto found = letters_.find(number);
    if (found == letters_.end() || found->second.response.has_value()) return;
    found->second.response = std::move(response);
    if (found->second.waits != nullptr) Resume(found->second.waits);
  }

  // By the server's thread, in MHD's callback. The answer if it is there, else the connection is suspended until it is.
  std::optional<Response> TakeOrWait(uint64_t number, MHD_Connection* connection) {
    MutexLock lock(&mutex_);
    Letter& letter = letters_.at(number);
    if (!letter.response.has_value() && last_word_.has_value()) letter.response = last_word_;
    if (!letter.response.has_value()) {
      letter.waits = connection;
      MHD_suspend_connection(connection);
      return std::nullopt;
    }
    std::optional<Response> response = std::move(letter.response);
    letters_.erase(number);
    return response;
  }

  void Close(uint64_t number) {
    MutexLock lock(&mutex_);
    letters_.erase(number);
  }

  // Resumes all that wait, and lets none wait any more: this is what they are answered.
  void CloseAll(const Response& response) {
    MutexLock lock(&mutex_);
    last_word_ = response;
    for (auto& [number, letter] : letters_) {
      if (letter.response.has_value()) continue;
      letter.response = response;
      if (letter.waits != nullptr) Resume(letter.waits);
    }
  }

 private:
  struct Letter {
    MHD_Connection* waits = nullptr;
    std::optional<Response> response = {};
  };

  void Resume(MHD_Connection* connection) {
    MHD_resume_connection(connection);
    waker_.Wake();
  }

  const Waker waker_;
  Mutex mutex_;
  std::optional<Response> last_word_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Letter> letters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_MAILBOX_H_
