#include "tools/gateway/json.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {

constexpr int kMostDepth = 64;

// Looks at JSON before it is taken in: how deep it is, and whether an object has a name twice, of which readers
// differ in which they take.
class Inspector final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override {
    names_.emplace_back();
    return Enter();
  }
  bool key(string_t& name) override {
    if (names_.back().insert(name).second) return true;
    mistake = absl::StrCat("a member \"", Printable(name), "\" comes twice");
    return false;
  }
  bool end_object() override {
    names_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(size_t) override { return Enter(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    mistake = absl::StrCat("it is no JSON, at byte ", position, ": ", Printable(error.what(), 200));
    return false;
  }

  std::string mistake;

 private:
  bool Enter() {
    if (++depth_ <= kMostDepth) return true;
    mistake = absl::StrCat("it is nested deeper than ", kMostDepth);
    return false;
  }

  int depth_ = 0;
  std::vector<std::set<std::string>> names_;
};

int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kOutOfRange:
      return 413;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

}  // namespace

absl::StatusOr<Json> ParseObject(std::string_view text) {
  Inspector inspector;
  const bool is_right = Json::sax_parse(text.begin(), text.end(), &inspector);
  if (!is_right) return absl::InvalidArgumentError(absl::StrCat("the body: ", inspector.mistake));
  Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) return absl::InvalidArgumentError("the body: it is no JSON object");
  return json;
}

absl::Status CheckMembers(const Json& object, std::string_view where, std::string_view known) {
  const std::vector<std::string> names = absl::StrSplit(ToAbsl(known), ' ', absl::SkipEmpty());
  for (const auto& member : object.items()) {
    if (std::find(names.begin(), names.end(), member.key()) != names.end()) continue;
    const std::string near = ClosestMatch(member.key(), names);
    return absl::InvalidArgumentError(
        absl::StrCat(ToAbsl(where), where.empty() ? "" : ": ", "there is no member \"", Printable(member.key()), "\"; ",
                     near.empty() ? absl::StrCat("there are: ", ToAbsl(known)) : absl::StrCat("is it ", near, "?")));
  }
  return absl::OkStatus();
}

http::Response JsonResponse(int status, const Json& body) {
  return {.status = status,
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

http::Response ErrorResponse(int status, std::string_view why) {
  http::Response response = JsonResponse(status, {{"error", OneLine(why)}});
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response ErrorResponse(const absl::Status& status) {
  return ErrorResponse(HttpStatusOf(status.code()), ToStd(status.message()));
}

std::string Base64(std::string_view bytes) { return absl::Base64Escape(ToAbsl(bytes)); }

absl::StatusOr<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  if (absl::Base64Unescape(ToAbsl(text), &bytes)) return bytes;
  return absl::InvalidArgumentError("it is no base64");
}

}  // namespace once::gateway
