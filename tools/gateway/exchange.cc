#include "tools/gateway/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "processor/base/clock.h"

namespace once::gateway {

namespace {

// What is read of a stream at once.
constexpr size_t kStreamBlock = size_t{16} << 10;

}  // namespace

bool MhdStream::Push(const std::string& text) {
  MutexLock lock(&mutex_);
  if (is_gone_ || is_ending_ || pending_.size() + text.size() > max_bytes_) return false;
  if (pending_.empty()) since_ = SteadyNow();
  pending_ += text;
  Wake();
  return true;
}

size_t MhdStream::pending() const {
  MutexLock lock(&mutex_);
  return pending_.size();
}

void MhdStream::End() {
  MutexLock lock(&mutex_);
  is_ending_ = true;
  Wake();
}

bool MhdStream::has_ended() const {
  MutexLock lock(&mutex_);
  return is_gone_ || is_ending_;
}

void MhdStream::SetConnection(MHD_Connection* connection) {
  MutexLock lock(&mutex_);
  connection_ = connection;
}

std::optional<absl::Time> MhdStream::WaitsSince() const {
  MutexLock lock(&mutex_);
  if (pending_.empty() || is_gone_) return std::nullopt;
  return since_;
}

void MhdStream::Wake() {
  if (!std::exchange(is_suspended_, false)) return;
  MHD_resume_connection(connection_);
  waker_->Wake();
}

ssize_t MhdStream::Read(void* self, uint64_t, char* into, size_t size) {
  MhdStream& stream = **static_cast<std::shared_ptr<MhdStream>*>(self);
  MutexLock lock(&stream.mutex_);
  if (stream.pending_.empty()) {
    if (stream.is_ending_) return MHD_CONTENT_READER_END_OF_STREAM;
    // Under the lock, so that nobody wakes it before it sleeps.
    stream.is_suspended_ = true;
    MHD_suspend_connection(stream.connection_);
    return 0;
  }
  const size_t taken = std::min(size, stream.pending_.size());
  memcpy(into, stream.pending_.data(), taken);
  stream.pending_.erase(0, taken);
  stream.since_ = SteadyNow();
  return static_cast<ssize_t>(taken);
}

void MhdStream::Free(void* self) {
  auto* const owned = static_cast<std::shared_ptr<MhdStream>*>(self);
  {
    MutexLock lock(&(*owned)->mutex_);
    (*owned)->is_gone_ = true;
    (*owned)->is_suspended_ = false;
    (*owned)->connection_ = nullptr;
    (*owned)->pending_.clear();
  }
  delete owned;
}

void Exchange::Answer(http::Response response) {
  MutexLock lock(&mutex_);
  if (std::exchange(is_answered_, true)) return;
  answer_ = std::move(response);
  Wake();
}

std::shared_ptr<EventStream> Exchange::Stream(const std::string& content_type) {
  MutexLock lock(&mutex_);
  if (std::exchange(is_answered_, true)) return nullptr;
  stream_ = std::make_shared<MhdStream>(max_stream_bytes_, waker_);
  answer_ = {.status = MHD_HTTP_OK, .content_type = content_type};
  Wake();
  return stream_;
}

bool Exchange::is_answered() const {
  MutexLock lock(&mutex_);
  return is_answered_;
}

void Exchange::Wake() {
  if (suspended_ == nullptr) return;
  MHD_resume_connection(std::exchange(suspended_, nullptr));
  waker_->Wake();
}

void Exchange::Suspend(MHD_Connection* connection) {
  MutexLock lock(&mutex_);
  suspended_ = connection;
  MHD_suspend_connection(connection);
}

void Exchange::Abandon() {
  MutexLock lock(&mutex_);
  suspended_ = nullptr;
  is_answered_ = true;
  answer_ = {};
}

std::optional<MHD_Result> Exchange::Send(MHD_Connection* connection) {
  MutexLock lock(&mutex_);
  if (!is_answered_) return std::nullopt;
  is_sent = true;
  return SendResponse(connection, answer_, stream_);
}

size_t Exchange::answer_bytes() const {
  MutexLock lock(&mutex_);
  return answer_.body.size();
}

std::shared_ptr<MhdStream> Exchange::stream() const {
  MutexLock lock(&mutex_);
  return stream_;
}

MHD_Result SendResponse(MHD_Connection* connection, const http::Response& answer, std::shared_ptr<MhdStream> stream) {
  MHD_Response* response = nullptr;
  if (stream != nullptr) {
    stream->SetConnection(connection);
    auto* const owned = new std::shared_ptr<MhdStream>(std::move(stream));
    response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kStreamBlock, &MhdStream::Read, owned, &MhdStream::Free);
    if (response == nullptr) MhdStream::Free(owned);
  } else {
    // MHD copies the body. It changes nothing of it, its interface is older than const.
    response = MHD_create_response_from_buffer(answer.body.size(), const_cast<char*>(answer.body.data()),
                                               MHD_RESPMEM_MUST_COPY);
  }
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", answer.content_type.c_str());
  MHD_add_response_header(response, "Cache-Control", "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  MHD_add_response_header(response, "X-Frame-Options", "DENY");
  MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
  MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
  for (const auto& [name, value] : answer.headers) MHD_add_response_header(response, name.c_str(), value.c_str());
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return queued;
}

}  // namespace once::gateway
