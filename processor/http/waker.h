// By what other threads wake the one that serves: libmicrohttpd wakes it for them only where it has made it itself.
#ifndef ONCE_PROCESSOR_HTTP_WAKER_H_
#define ONCE_PROCESSOR_HTTP_WAKER_H_

#include <microhttpd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace once::http {

// Wake from any thread; all else of the thread that serves.
class Waker {
 public:
  Waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Waker() {
    if (fd_ >= 0) close(fd_);
  }
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  void Wake() const { eventfd_write(fd_, 1); }

  // Waits until `daemon`, which was made with MHD_USE_EPOLL, has something to do, or somebody wakes, `most_ms` at most;
  // then has it do that, without waiting. False if it does not work.
  bool Run(MHD_Daemon* daemon, int most_ms) const {
    const MHD_DaemonInfo* const info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    const bool is_told = MHD_get_timeout(daemon, &timeout) == MHD_YES;
    const auto most = static_cast<MHD_UNSIGNED_LONG_LONG>(most_ms);
    pollfd sources[] = {{.fd = info == nullptr ? -1 : info->epoll_fd, .events = POLLIN, .revents = 0},
                        {.fd = fd_, .events = POLLIN, .revents = 0}};
    const int wait = static_cast<int>(is_told ? std::min(timeout, most) : most);
    if (poll(sources, std::size(sources), wait) > 0 && sources[1].revents != 0) {
      eventfd_t count = 0;
      eventfd_read(fd_, &count);
    }
    return MHD_run(daemon) == MHD_YES;
  }

 private:
  const int fd_;  // -1: there is none, and nobody is woken before his time.
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_WAKER_H_
