// librdkafka says of every certificate that it "could not be verified"; OpenSSL's number says why.
#include "processor/kafka/librdkafka/tls_cause.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::kafka {
namespace {

constexpr std::string_view kUnknownAuthority =
    "the broker's certificate is signed by nobody that this client knows; give it the authority's certificate as "
    "ssl.ca.location=FILE (PEM)";

// OpenSSL's X509_V_ERR_ numbers, which do not change.
std::string_view CauseOf(int x509_error) {
  switch (x509_error) {
    case 9:
      return "the broker's certificate is not valid yet; correct the clock of this machine, or the certificate";
    case 10:
      return "the broker's certificate has expired; renew it on the broker (or correct the clock of this machine)";
    case 2:
    case 18:
    case 19:
    case 20:
    case 21:
      return kUnknownAuthority;
    case 23:
      return "the broker's certificate has been revoked; renew it on the broker";
    case 62:
    case 64:
      return "the broker's certificate is for another host name; connect by the name that is in it "
             "(bootstrap_servers, and the broker's advertised.listeners), or renew it with the name that is used";
    default:
      return "";
  }
}

struct Alert {
  std::string_view words;  // Of an alert that the broker has sent.
  std::string_view cause;
};

constexpr std::string_view kOwnRefused =
    "the broker refuses this client's certificate; give one that its authority has signed and that has not expired "
    "(ssl.certificate.location with ssl.key.location, or ssl.keystore.location)";

constexpr std::string_view kOwnMissing =
    "the broker asks for a certificate of the client's; give one as ssl.certificate.location with ssl.key.location, or "
    "as ssl.keystore.location";

// Of a certificate that is missing. Java's brokers call it a bad one, or say only that there is no agreement.
constexpr std::string_view kMissing[] = {"alert certificate required", "alert bad certificate",
                                         "alert handshake failure"};

constexpr Alert kAlerts[] = {
    {"alert certificate expired",
     "the broker says that this client's certificate has expired; renew it (ssl.certificate.location)"},
    {"alert certificate required", kOwnRefused},
    {"alert bad certificate", kOwnRefused},
    {"alert certificate unknown", kOwnRefused},
    {"alert unknown ca", kOwnRefused},
    {"alert protocol version", "this client and the broker know no TLS version in common; allow TLS 1.2 on the broker"},
    {"wrong version number", "the broker's port speaks no TLS; correct the port, or security.protocol"},
};

}  // namespace

std::string TlsCause(std::string_view reason, int x509_error, bool has_certificate) {
  const bool is_verification = absl::StrContains(ToAbsl(reason), "certificate verify failed") ||
                               absl::StrContains(ToAbsl(reason), "Failed to verify broker certificate");
  if (is_verification) {
    const std::string_view cause = CauseOf(x509_error);
    return std::string(cause.empty() ? kUnknownAuthority : cause);
  }
  for (std::string_view words : kMissing) {
    if (!has_certificate && absl::StrContains(ToAbsl(reason), ToAbsl(words))) return std::string(kOwnMissing);
  }
  for (const Alert& alert : kAlerts) {
    if (absl::StrContains(ToAbsl(reason), ToAbsl(alert.words))) return std::string(alert.cause);
  }
  return "";
}

}  // namespace once::kafka
