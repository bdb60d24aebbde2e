// Who may ask a pod for what, and who answers.
#ifndef ONCE_PROCESSOR_HTTP_POD_API_H_
#define ONCE_PROCESSOR_HTTP_POD_API_H_

#include <optional>
#include <string>
#include <vector>

#include "processor/base/status.h"
#include "processor/http/back_office.h"
#include "processor/http/message.h"
#include "processor/http/routes.h"
#include "processor/http/tokens.h"

namespace once::http {

struct PageFile;

struct PodApiOptions {
  Guard* guard = nullptr;    // Of the tokens; null: there are none.
  bool is_loopback = false;  // Only this machine can ask.
  int64_t max_body_bytes = int64_t{2} << 20;
};

// Thread-safe.
//
// Other pods of the application show that they know a token (proof.h), and are answered what they ask each other for.
//
// Probes, metrics and the description answer whoever asks. All else wants a token; without any it answers only on a
// loopback address, and then only requests whose Host is an address or "localhost": a page in a browser whose own name
// resolves to this machine is not let in. What changes something takes JSON alone, and nothing that another site's page
// has sent: a browser says whose page it is, and asks before it sends JSON elsewhere.
class PodApi final : public Service {
 public:
  // All must outlive this. `office` is asked for what has no `Route::answer`.
  PodApi(StatusProvider* status, BackOffice* office, PodApiOptions options)
      : status_(status), office_(office), options_(options) {}

  std::optional<Response> Refuse(const Request& head) override;
  std::optional<Response> Answer(const Request& request, const Reply& later) override;

 private:
  // A request that may be asked; or what it is refused with.
  struct Asked {
    const Route* route = nullptr;
    const PageFile* file = nullptr;  // Of the page; null: it is something else.
    Question question = {};
    std::optional<Response> refusal = {};
  };
  // `is_last`: it is answered, unless it is refused.
  Asked Read(const Request& request, bool is_last) const;
  std::optional<Response> FindWhoAsks(const Route* route, const Request& request, bool is_last,
                                      std::string* issuer) const;
  Caller CheckProof(const Route* route, const Request& request, bool is_last) const;
  std::optional<Response> CheckBody(const Request& request) const;

  StatusProvider* const status_;
  BackOffice* const office_;
  const PodApiOptions options_;
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_POD_API_H_
