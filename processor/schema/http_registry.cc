// Confluent's interface by HTTP: which call is which path, and what its statuses mean.
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"
#include "processor/schema/http_client.h"
#include "processor/schema/registry_messages.h"
#include "processor/schema/schema_registry.h"

namespace once {

namespace {

using internal::HttpAnswer;
using internal::HttpClient;

// Confluent's codes of what is not there: of subjects, versions and schemas.
constexpr int kNoSubject = 40401;
constexpr int kNoSchema = 40403;

absl::Status FailureOf(const HttpAnswer& answer) {
  const internal::RegistryError error = internal::ReadError(answer.body);
  const std::string said = absl::StrCat(" (HTTP ", answer.status, " of ", answer.url, error.message.empty() ? "" : ": ",
                                        OneLine(CutUtf8(error.message, 1000)), ")");
  if (answer.status == 404) {
    // Any server says 404 to a path that it does not know: only the registry's own word counts.
    if (error.code >= kNoSubject && error.code <= kNoSchema) {
      return absl::NotFoundError(absl::StrCat("the schema registry has no such ",
                                              error.code == kNoSchema ? "schema" : "subject or version", said));
    }
    return absl::UnavailableError(absl::StrCat("what answers is no schema registry: does its URL lack a path?", said));
  }
  if (answer.status == 409) return absl::FailedPreconditionError(absl::StrCat("the schema registry refuses it", said));
  if (answer.status == 422 || answer.status == 400) {
    return absl::InvalidArgumentError(absl::StrCat("the schema registry takes it for no schema", said));
  }
  if (answer.status == 401 || answer.status == 403) {
    return absl::UnavailableError(absl::StrCat("the schema registry refuses the credentials", said));
  }
  return absl::UnavailableError(absl::StrCat("the schema registry does not answer", said));
}

class HttpSchemaRegistry final : public SchemaRegistry {
 public:
  HttpSchemaRegistry(const SchemaRegistryOptions& options, std::vector<std::string> urls)
      : client_(options, std::move(urls)) {}

  absl::StatusOr<Schema> FindById(int32_t id) override {
    return Call(absl::StrCat("/schemas/ids/", id), "", internal::ReadSchema);
  }

  absl::StatusOr<SubjectVersion> FindVersion(const std::string& subject, int version) override {
    const std::string which = version == kLatestVersion ? "latest" : absl::StrCat(version);
    return Call(absl::StrCat("/subjects/", internal::EscapeForUrl(subject), "/versions/", which), "",
                internal::ReadSubjectVersion);
  }

  absl::StatusOr<SubjectVersion> FindSchema(const std::string& subject, const Schema& schema) override {
    const std::string body = internal::SchemaBody(schema);
    const auto read = [&](const std::string& text) {
      absl::StatusOr<SubjectVersion> found = internal::ReadSubjectVersion(text);
      // Apicurio's answer does not say the type again.
      if (found.ok()) found->schema = schema;
      return found;
    };
    return Call(absl::StrCat("/subjects/", internal::EscapeForUrl(subject)), body, read);
  }

  absl::Status CheckCompatible(const std::string& subject, const Schema& schema) override {
    const absl::StatusOr<internal::Compatibility> answer =
        Call(absl::StrCat("/compatibility/subjects/", internal::EscapeForUrl(subject), "/versions/latest?verbose=true"),
             internal::SchemaBody(schema), internal::ReadCompatibility);
    if (absl::IsNotFound(answer.status())) return absl::OkStatus();
    if (!answer.ok()) return answer.status();
    if (answer->is_compatible) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("the schema registry finds it incompatible with what subject \"",
                                                      subject, "\" has", answer->why.empty() ? "" : ": ",
                                                      OneLine(CutUtf8(answer->why, 2000))));
  }

  absl::StatusOr<int32_t> Register(const std::string& subject, const Schema& schema) override {
    return Call(absl::StrCat("/subjects/", internal::EscapeForUrl(subject), "/versions"), internal::SchemaBody(schema),
                internal::ReadId);
  }

 private:
  template <typename Read>
  auto Call(const std::string& path, const std::string& body, const Read& read) -> decltype(read(body)) {
    const absl::StatusOr<HttpAnswer> answer = client_.Ask(path, body);
    if (!answer.ok()) return answer.status();
    if (answer->status != 200) return FailureOf(*answer);
    auto result = read(answer->body);
    if (result.ok()) return result;
    return absl::UnavailableError(absl::StrCat(result.status().message(), " (", answer->url, ")"));
  }

  HttpClient client_;
};

absl::StatusOr<std::vector<std::string>> UrlsOf(const std::string& text) {
  std::vector<std::string> urls;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    std::string url(absl::StripAsciiWhitespace(part));
    while (!url.empty() && url.back() == '/') url.pop_back();
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
      return absl::InvalidArgumentError(
          absl::StrCat("the schema registry's URL \"", Printable(url), "\" begins with neither http:// nor https://"));
    }
    const std::string authority =
        url.substr(url.find("//") + 2, url.find('/', url.find("//") + 2) - url.find("//") - 2);
    if (authority.find('@') != std::string::npos) {
      return absl::InvalidArgumentError(
          "the schema registry's URL has credentials, which logs would show: name schema_registry_username and a"
          " schema_registry_password_file instead");
    }
    urls.push_back(std::move(url));
  }
  return urls;
}

}  // namespace

absl::StatusOr<std::shared_ptr<SchemaRegistry>> NewHttpSchemaRegistry(const SchemaRegistryOptions& options) {
  absl::StatusOr<std::vector<std::string>> urls = UrlsOf(options.url);
  if (!urls.ok()) return urls.status();
  if (options.username.empty() != options.password_file.empty()) {
    return absl::InvalidArgumentError("schema_registry_username and schema_registry_password_file go together");
  }
  if (!options.username.empty() && !options.token_file.empty()) {
    return absl::InvalidArgumentError("the schema registry takes a user or a token: leave one of them away");
  }
  return std::make_shared<HttpSchemaRegistry>(options, *std::move(urls));
}

SchemaRegistryOptions SchemaRegistryOptionsFrom(const Config& config) {
  constexpr char kGroup[] = "Schema registry";
  SchemaRegistryOptions options;
  options.url =
      config.Get("schema_registry_url", "",
                 {.help = "http(s)://HOST:PORT/PATH of a schema registry, or several with commas.", .group = kGroup});
  options.username = config.Get("schema_registry_username", "", {.help = "For basic authentication.", .group = kGroup});
  options.password_file =
      config.Get("schema_registry_password_file", "", {.help = "The file with the user's password.", .group = kGroup});
  options.token_file = config.Get("schema_registry_token_file", "",
                                  {.help = "The file with a bearer token, instead of a user.", .group = kGroup});
  options.ca_file = config.Get("schema_registry_ca_file", "",
                               {.help = "Authorities to trust, as PEM; the system's by default.", .group = kGroup});
  options.timeout = config.Get("schema_registry_timeout", options.timeout,
                               {.help = "How long a call of the schema registry may take.", .group = kGroup});
  return options;
}

}  // namespace once
