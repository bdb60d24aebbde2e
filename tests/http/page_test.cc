// What browsers are given at "/".
#include "processor/http/page/page.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/http/pod_api.h"
#include "tests/http/sample.h"

namespace once::http {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class NobodyMay final : public Guard {
 public:
  Caller Check(std::string_view) override { return {.refusal = "no"}; }
};

Response Ask(const Request& request, bool has_tokens = true) {
  FixedStatus status(SamplePod());
  NobodyMay guard;
  PodApi api(&status, nullptr, {.guard = has_tokens ? &guard : nullptr, .is_loopback = false});
  if (std::optional<Response> refusal = api.Refuse(request); refusal.has_value()) return *refusal;
  return api.Answer(request, [](Response) {}).value_or(Response{.status = 0});
}

TEST(PageTest, AnybodyMayHaveItSinceItShowsNothing) {
  const Response page = Ask({.method = "GET", .path = "/"});
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<!doctype html>"));
  EXPECT_THAT(page.body, Not(HasSubstr("order-totals")));
  EXPECT_EQ(Ask({.method = "GET", .path = "/v1/status"}).status, 401) << "what it shows wants the token";
  EXPECT_EQ(Ask({.method = "GET", .path = "/"}, false).status, 200);
  EXPECT_EQ(Ask({.method = "POST", .path = "/"}).status, 405);
  EXPECT_EQ(Ask({.method = "GET", .path = "/page.h"}).status, 401);
}

TEST(PageTest, WhatItNamesIsThereAndNothingIsElsewhere) {
  for (const PageFile& file : PageFiles()) {
    EXPECT_THAT(std::string(file.text), Not(HasSubstr("//cdn"))) << file.path;
    EXPECT_THAT(std::string(file.text), Not(HasSubstr("innerHTML"))) << file.path;
    EXPECT_THAT(std::string(file.text), Not(HasSubstr("eval("))) << file.path;
    for (const std::string& name : {std::string("src=\""), std::string("href=\""), std::string("from \"./")}) {
      const std::string text(file.text);
      for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
        const size_t begin = at + name.size();
        const std::string target = text.substr(begin, text.find('"', begin) - begin);
        if (target.starts_with('#')) continue;
        EXPECT_NE(FindPageFile(absl::StrCat("/", target)), nullptr) << target << " in " << file.path;
      }
    }
  }
}

TEST(PageTest, BrowsersAreToldToTrustNothingElse) {
  for (const PageFile& file : PageFiles()) {
    const Response page = Ask({.method = "GET", .path = file.path});
    EXPECT_THAT(page.headers, Contains(Pair("Content-Security-Policy",
                                            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
                                            "'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
                                            "form-action 'none'")));
    EXPECT_THAT(page.headers, Contains(Pair("X-Frame-Options", "DENY")));
    EXPECT_THAT(page.headers, Not(Contains(Pair("Set-Cookie", testing::_))));
    EXPECT_THAT(page.headers, Not(Contains(Pair("Access-Control-Allow-Origin", testing::_))));
  }
}

TEST(PageTest, SentOnceAndSmall) {
  const PageFile* const file = FindPageFile("/main.js");
  ASSERT_NE(file, nullptr);
  const Response whole = Ask({.method = "GET", .path = "/main.js"});
  EXPECT_EQ(whole.body, file->text);
  EXPECT_THAT(whole.headers, Contains(Pair("ETag", std::string(file->etag))));
  EXPECT_THAT(whole.headers, Contains(Pair("Cache-Control", "no-cache")));
  const Response packed = Ask({.method = "GET", .path = "/main.js", .accept_encoding = "gzip, deflate, br"});
  EXPECT_THAT(packed.headers, Contains(Pair("Content-Encoding", "gzip")));
  EXPECT_EQ(packed.body.substr(0, 2), "\x1f\x8b");
  EXPECT_LT(packed.body.size(), whole.body.size() / 2);
  const Response again = Ask({.method = "GET", .path = "/main.js", .if_none_match = file->etag});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  size_t all = 0;
  for (const PageFile& each : PageFiles()) all += each.gzipped.size();
  EXPECT_LT(all, size_t{64} << 10) << "a small page";
}

}  // namespace
}  // namespace once::http
