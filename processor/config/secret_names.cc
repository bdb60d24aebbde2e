#include "processor/config/secret_names.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "processor/base/strings.h"

namespace once {

bool LooksSecret(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(ToAbsl(name));
  for (const char* part :
       {"password", "passphrase", "passwd", "secret", "token", "credential", "private", "jaas", "oauthbearer.config"}) {
    if (absl::StrContains(lower, part)) return true;
  }
  // "ssl.key.pem", "api_key"; but neither "key_type" nor "key.location".
  return absl::EndsWith(lower, "key.pem") || absl::EndsWith(lower, "api_key") || absl::EndsWith(lower, "access_key");
}

}  // namespace once
