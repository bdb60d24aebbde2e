// The adapter to HTTP, against a server that says what a registry, or something else, might.
#include <gmock/gmock.h>

#include <fstream>

#include "once/schema_registry.h"
#include "processor/schema/registry_messages.h"
#include "tests/schemas/canned_server.h"

namespace once {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Answer(int status, const std::string& body, const std::string& headers = "") {
  return CannedServer::Answer(status, body, headers);
}

std::shared_ptr<SchemaRegistry> Connect(SchemaRegistryOptions options) {
  return NewHttpSchemaRegistry(options).value();
}

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + "/" + name;
  std::ofstream(path) << text;
  return path;
}

absl::Status FindAgainst(const std::string& answer) {
  CannedServer server({answer});
  return Connect({.url = server.url(), .max_response_bytes = 10'000})->FindById(7).status();
}

TEST(HttpRegistryTest, AsksAsTheInterfaceHasIt) {
  CannedServer server({Answer(200, R"({"schema":"{}","schemaType":"JSON"})"),
                       Answer(200, R"({"subject":"a","version":2,"id":7,"schema":"\"string\""})"),
                       Answer(200, R"({"id":8})"), Answer(200, R"({"is_compatible":false,"messages":["one","two"]})")});
  const auto registry = Connect({.url = server.url() + "/apis/ccompat/v7/"});
  EXPECT_EQ(registry->FindById(7)->type, SchemaType::kJson);
  const auto version = registry->FindVersion("a/b c", 2);
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(version->schema.type, SchemaType::kAvro);
  EXPECT_EQ(registry->Register("a", {.type = SchemaType::kProtobuf, .text = "x"}).value(), 8);
  EXPECT_THAT(std::string(registry->CheckCompatible("a", {}).message()), HasSubstr("one; two"));
  const auto& asked = server.Stop();
  EXPECT_THAT(asked[0], StartsWith("GET /apis/ccompat/v7/schemas/ids/7 HTTP/1.1\r\n"));
  EXPECT_THAT(asked[1], StartsWith("GET /apis/ccompat/v7/subjects/a%2Fb%20c/versions/2 HTTP/1.1\r\n"));
  EXPECT_THAT(asked[2], AllOf(StartsWith("POST /apis/ccompat/v7/subjects/a/versions "),
                              HasSubstr(R"({"schema":"x","schemaType":"PROTOBUF"})")));
  EXPECT_THAT(asked[3], StartsWith("POST /apis/ccompat/v7/compatibility/subjects/a/versions/latest?verbose=true "));
}

TEST(HttpRegistryTest, OnlyTheRegistrysOwnWordIsFinal) {
  EXPECT_TRUE(absl::IsNotFound(FindAgainst(Answer(404, R"({"error_code":40403,"message":"Schema not found"})"))));
  for (const std::string& answer :
       {Answer(404, "<html>not here</html>"), Answer(404, R"({"error_code":0,"message":"no path"})"), Answer(500, ""),
        Answer(503, "{}"), Answer(429, "{}"), Answer(401, "{}"), Answer(403, "{}"), Answer(302, "", "Location: /x\r\n"),
        Answer(200, "{}"), Answer(200, "[]"), Answer(200, "no JSON"), Answer(200, R"({"schema":7})"),
        Answer(200, R"({"schema":"x","schemaType":"XML"})"), Answer(200, R"({"schema":"x","references":[{}]})"),
        Answer(200, std::string(20'000, ' ')), std::string("nonsense\r\n\r\n"), std::string()}) {
    const absl::Status status = FindAgainst(answer);
    EXPECT_TRUE(absl::IsUnavailable(status)) << status << "\n" << answer.substr(0, 100);
    EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1")) << answer.substr(0, 100);
  }
  EXPECT_THAT(std::string(FindAgainst(Answer(404, "")).message()), HasSubstr("does its URL lack a path?"));
}

TEST(HttpRegistryTest, AConnectionThatIsRefusedIsUnavailable) {
  std::string url;
  { url = CannedServer({}).url(); }
  EXPECT_TRUE(absl::IsUnavailable(Connect({.url = url})->FindById(1).status()));
}

TEST(HttpRegistryTest, AnAnswerThatDoesNotComeIsNotWaitedFor) {
  // It accepts by its backlog, and answers nobody.
  CannedServer server({});
  const auto registry = Connect({.url = server.url(), .timeout = absl::Milliseconds(50)});
  EXPECT_TRUE(absl::IsUnavailable(registry->FindById(1).status()));
}

TEST(HttpRegistryTest, AnotherServerIsAskedWhenOneDoesNotAnswer) {
  CannedServer broken({Answer(500, "")});
  CannedServer whole({Answer(200, R"({"schema":"{}"})"), Answer(200, R"({"schema":"{}"})")});
  const auto registry = Connect({.url = broken.url() + "," + whole.url()});
  EXPECT_TRUE(registry->FindById(1).ok());
  // The one that answered is asked first from then on.
  EXPECT_TRUE(registry->FindById(2).ok());
  EXPECT_EQ(broken.Stop().size(), 1);
  EXPECT_EQ(whole.Stop().size(), 2);
}

TEST(HttpRegistryTest, CredentialsComeFromFilesAndStandInNoMessage) {
  const std::string password = WriteFile("password", "s3cret\n");
  const std::string token = WriteFile("token", "t0ken");
  CannedServer server({Answer(401, "{}"), Answer(401, "{}"), Answer(200, R"({"schema":"{}"})")});
  const auto by_name = Connect({.url = server.url(), .username = "me", .password_file = password});
  const absl::Status refused = by_name->FindById(1).status();
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("refuses the credentials"), Not(HasSubstr("s3cret"))));
  const auto by_token = Connect({.url = server.url(), .token_file = token});
  EXPECT_THAT(std::string(by_token->FindById(1).status().message()), Not(HasSubstr("t0ken")));
  // A new one counts at once.
  WriteFile("token", "another");
  EXPECT_TRUE(by_token->FindById(1).ok());
  const auto& asked = server.Stop();
  EXPECT_THAT(asked[0], HasSubstr("Authorization: Basic bWU6czNjcmV0"));  // me:s3cret
  EXPECT_THAT(asked[1], HasSubstr("Authorization: Bearer t0ken"));
  EXPECT_THAT(asked[2], HasSubstr("Authorization: Bearer another"));
  const absl::Status unread =
      Connect({.url = "http://127.0.0.1:1", .token_file = "/nowhere/token"})->FindById(1).status();
  EXPECT_THAT(std::string(unread.message()), HasSubstr("/nowhere/token"));
}

TEST(RegistryMessagesTest, NumbersThatAreNoneAreRefused) {
  for (const char* body : {R"({"id":-1})", R"({"id":2147483648})", R"({"id":18446744073709551615})", R"({"id":1.5})",
                           R"({"id":"1"})", R"({})", "", "[1]"}) {
    EXPECT_FALSE(internal::ReadId(body).ok()) << body;
  }
  EXPECT_EQ(internal::ReadId(R"({"id":2147483647})").value(), 2147483647);
}

TEST(RegistryMessagesTest, DeepJsonIsNotWalked) {
  EXPECT_FALSE(internal::IsShallowJson(std::string(200, '[')));
  EXPECT_TRUE(internal::IsShallowJson("\"" + std::string(200, '[') + "\""));
  EXPECT_TRUE(internal::IsShallowJson("{\"a\\\"[\":" + std::string(50, '[') + std::string(50, ']') + "}"));
  EXPECT_FALSE(internal::ReadSchema("{\"schema\":\"x\",\"references\":" + std::string(100'000, '[')).ok());
}

}  // namespace
}  // namespace once
