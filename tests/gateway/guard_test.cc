// Who may ask, and what is described.
#include "tools/gateway/guard.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/http/tokens.h"
#include "tools/gateway/json.h"
#include "tools/gateway/openapi.h"
#include "tools/gateway/page.h"

namespace once::gateway {
namespace {

constexpr char kToken[] = "a-token-of-some-length";

class FixedTokens final : public http::Guard {
 public:
  http::Caller Check(std::string_view authorization) override {
    return tokens_.Check(authorization, absl::UnixEpoch());
  }

 private:
  const http::Tokens tokens_ = *http::Tokens::Parse(kToken);
};
FixedTokens g_tokens;

Request PostOf(std::string_view path) {
  return {.method = "POST",
          .path = std::string(path),
          .headers = {{"host", "127.0.0.1:80"}, {"content-type", "application/json"}, {"content-length", "2"}}};
}

int StatusOf(const GuardOptions& options, const Request& request) {
  const auto refusal = Refusal(options, request);
  return refusal.has_value() ? refusal->status : 200;
}

TEST(GuardTest, AllThatIsNotOpenWantsTheToken) {
  for (const Route& route : Routes()) {
    Request request = PostOf(route.path);
    request.method = route.method;
    if (route.method == "GET") request.headers.erase("content-length");
    EXPECT_EQ(StatusOf({.tokens = &g_tokens, .is_loopback = true}, request), route.is_open ? 200 : 401) << route.path;
    EXPECT_EQ(StatusOf({.is_loopback = false}, request), route.is_open ? 200 : 403) << route.path;
    EXPECT_EQ(StatusOf({.is_loopback = true}, request), 200) << route.path;
    request.headers["authorization"] = std::string("Bearer ") + kToken;
    EXPECT_EQ(StatusOf({.tokens = &g_tokens}, request), 200) << route.path;
    request.method = "DELETE";
    EXPECT_EQ(StatusOf({.tokens = &g_tokens}, request), 405) << route.path;
  }
}

TEST(GuardTest, APathIsTakenAsItIsWritten) {
  for (const char* path : {"/nothing", "/api/v1/producer/transaction/", "//", "/../", "/API/V1/TYPES", "/%2f", ""}) {
    EXPECT_EQ(StatusOf({.tokens = &g_tokens}, PostOf(path)), 401) << path;
    EXPECT_EQ(StatusOf({.is_loopback = true}, PostOf(path)), 404) << path;
  }
}

TEST(GuardTest, OtherSitesAndFormsAreKeptOut) {
  const GuardOptions options{.is_loopback = true};
  Request request = PostOf("/api/v1/producer/begin");
  const auto with = [&](const char* name, const char* value) {
    Request changed = request;
    changed.headers[name] = value;
    return StatusOf(options, changed);
  };
  EXPECT_EQ(with("origin", "http://127.0.0.1:80"), 200);
  EXPECT_EQ(with("origin", "http://127.0.0.1:81"), 403);
  EXPECT_EQ(with("origin", "null"), 403);
  EXPECT_EQ(with("sec-fetch-site", "cross-site"), 403);
  EXPECT_EQ(with("sec-fetch-site", "same-origin"), 200);
  EXPECT_EQ(with("host", "evil.example"), 403);
  EXPECT_EQ(with("host", "localhost:80"), 200);
  EXPECT_EQ(with("host", "[::1]:80"), 200);
  EXPECT_EQ(with("content-type", "text/plain"), 415);
  EXPECT_EQ(with("content-type", "application/json; charset=utf-8"), 200);
  EXPECT_EQ(with("content-type", "application/jsonx"), 415);
  EXPECT_EQ(with("content-encoding", "gzip"), 415);
  EXPECT_EQ(with("idempotency-key", ""), 400);
  EXPECT_EQ(with("idempotency-key", "a b"), 400);
  EXPECT_EQ(with("idempotency-key", "order-1"), 200);
  request.has_repeated_header = true;
  EXPECT_EQ(StatusOf(options, request), 400);
}

TEST(GuardTest, AQueryIsDecodedOnce) {
  Request request{.query = {{"topic", "a%2Fb+c%252F"}}};
  EXPECT_EQ(DecodeQuery(request, "topic")->at("topic"), "a/b c%2F");
  for (const char* wrong : {"%", "%2", "%zz", "%2%"}) {
    request.query = {{"topic", wrong}};
    EXPECT_FALSE(DecodeQuery(request, "topic").ok()) << wrong;
  }
  request.query = {{"topic", "a"}, {"topic", "b"}};
  EXPECT_FALSE(DecodeQuery(request, "topic").ok());
  request.query = {{"other", "a"}};
  EXPECT_FALSE(DecodeQuery(request, "topic").ok());
}

TEST(OpenApiTest, DescribesTheRoutesAndNothingElse) {
  const Json description = Json::parse(OpenApiJson("1"));
  size_t described = 0;
  for (const auto& path : description["paths"].items()) described += path.value().size();
  EXPECT_EQ(described, Routes().size());
  for (const Route& route : Routes()) {
    const std::string method = route.method == "GET" ? "get" : "post";
    ASSERT_TRUE(description["paths"][std::string(route.path)].contains(method)) << route.path;
    const Json& operation = description["paths"][std::string(route.path)][method];
    EXPECT_EQ(operation.contains("security"), !route.is_open) << route.path;
    EXPECT_EQ(operation.contains("requestBody"), method == "post") << route.path;
  }
  // What is referred to is there.
  const std::string text = description.dump();
  for (size_t at = text.find("#/components/schemas/"); at != std::string::npos;
       at = text.find("#/components/schemas/", at + 1)) {
    const size_t begin = at + std::string("#/components/schemas/").size();
    const std::string name = text.substr(begin, text.find('"', begin) - begin);
    EXPECT_TRUE(description["components"]["schemas"].contains(name)) << name;
  }
}

TEST(PageTest, LoadsNothingFromElsewhere) {
  const http::Response page = PageResponse();
  EXPECT_THAT(page.body, testing::Not(testing::HasSubstr("http:")));
  EXPECT_THAT(page.body, testing::Not(testing::HasSubstr("https:")));
  EXPECT_THAT(page.body, testing::Not(testing::HasSubstr("innerHTML")));
  ASSERT_EQ(page.headers.size(), 1u);
  EXPECT_THAT(page.headers[0].second, testing::HasSubstr("default-src 'none'"));
}

}  // namespace
}  // namespace once::gateway
