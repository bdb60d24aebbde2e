// Why a TLS connection did not come about.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TLS_CAUSE_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TLS_CAUSE_H_

#include <string>
#include <string_view>

namespace once::kafka {

// What is wrong, and one fix: "the broker's certificate has expired; …". Empty if it is nothing of TLS's that lasts.
// `reason` is what librdkafka says of the connection; `x509_error` what OpenSSL found wrong with the broker's
// certificate, or 0; `has_certificate` whether this client has one of its own to show.
std::string TlsCause(std::string_view reason, int x509_error, bool has_certificate);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TLS_CAUSE_H_
