// What is asked of a pod and takes longer than a look at its board: what brokers, workers or other pods have to say.
#ifndef ONCE_PROCESSOR_HTTP_BACK_OFFICE_H_
#define ONCE_PROCESSOR_HTTP_BACK_OFFICE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "processor/http/message.h"

namespace once::http {

// A request that may be asked, taken apart.
struct Question {
  std::string_view path = {};                     // Of the route, such as "/v1/jobs/{id}".
  std::vector<std::string> words = {};            // What stands in the places of {...}, decoded: any bytes.
  std::map<std::string, std::string> query = {};  // Decoded; only parameters that the route has.
  std::string body = {};                          // Of ?scope=application what this pod answers for itself.
  std::string issuer = {};                        // Who asks: "NAME@ADDRESS" by the token's name, else "http@ADDRESS".
};

class BackOffice {
 public:
  virtual ~BackOffice() = default;
  // Returns at once. `reply` is called once, from any thread, within bounded time, or before it returns.
  virtual void Ask(Question question, Reply reply) = 0;
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_BACK_OFFICE_H_
