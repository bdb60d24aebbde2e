// order_totals with tokens of the program's own: read from the file $TOKEN_FILE, as "PRINCIPAL SECONDS TOKEN".
#include <stdlib.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "examples/order_totals/topology.h"
#include "once/main.h"

namespace {

absl::StatusOr<once::kafka::OauthToken> ReadToken() {
  const char* path = getenv("TOKEN_FILE");
  std::ifstream file(path == nullptr ? "" : path);
  once::kafka::OauthToken token;
  int seconds = 0;
  if (!(file >> token.principal >> seconds >> token.value)) {
    return absl::PermissionDeniedError(absl::StrCat("no token in ", path == nullptr ? "TOKEN_FILE" : path));
  }
  token.expires_at = absl::Now() + absl::Seconds(seconds);
  return token;
}

}  // namespace

int main(int argc, char** argv) {
  once::ApplicationDeps deps;
  deps.oauth_token = ReadToken;
  return once::Main(argc, argv, BuildOrderTotals, deps);
}
