// Why there is no OAUTHBEARER token, by what librdkafka says of it.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_CAUSE_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_CAUSE_H_

#include <string_view>

namespace once::kafka {

// Whether an error is about a token that could not be got, and not about what a broker said of one.
bool IsOfMissingToken(std::string_view reason);

// Whether it says that the issuer has answered, and gives none to this client as it is configured (RFC 6749, 5.2), and
// not only that it was not reached or is out of order.
bool IsIssuersRefusal(std::string_view reason);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_CAUSE_H_
