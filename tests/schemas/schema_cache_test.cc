// What an application keeps of its registry, and what it does while that is down.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "once/in_memory_schema_registry.h"
#include "once/schema_registry.h"

namespace once {
namespace {

using ::testing::HasSubstr;

Schema Text(const std::string& text, std::vector<SchemaReference> references = {}) {
  return {.type = SchemaType::kJson, .text = text, .references = std::move(references)};
}

class SchemaCacheTest : public ::testing::Test {
 protected:
  const std::shared_ptr<InMemorySchemaRegistry> registry_ = std::make_shared<InMemorySchemaRegistry>();
};

TEST_F(SchemaCacheTest, ASchemaIsAskedForOnce) {
  const int32_t id = registry_->Register("a", Text("{}")).value();
  SchemaCache cache(registry_, {.patience = absl::Minutes(1)});
  const int before = registry_->calls();
  for (int i = 0; i < 3; ++i) {
    const auto found = cache.FindById(id);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ((*found)->schema.text, "{}");
    EXPECT_EQ((*found)->id, id);
  }
  EXPECT_EQ(registry_->calls(), before + 1);
}

TEST_F(SchemaCacheTest, WhatIsMissingIsNotAskedForAgainAtOnce) {
  SchemaCache cache(registry_, {.patience = absl::Minutes(1), .missing_for = absl::Hours(1)});
  EXPECT_TRUE(absl::IsNotFound(cache.FindById(7).status()));
  EXPECT_TRUE(absl::IsNotFound(cache.FindById(7).status()));
  EXPECT_EQ(registry_->calls(), 1);
  SchemaCache forgets(registry_, {.patience = absl::Minutes(1), .missing_for = absl::ZeroDuration()});
  EXPECT_TRUE(absl::IsNotFound(forgets.FindById(1).status()));
  registry_->Register("a", Text("{}")).value();
  EXPECT_TRUE(forgets.FindById(1).ok());
}

TEST_F(SchemaCacheTest, WhileTheRegistryIsDownNobodyWaitsAndWhatWasAskedForComesLater) {
  const int32_t id = registry_->Register("a", Text("{}")).value();
  const int32_t other = registry_->Register("b", Text("[]")).value();
  SchemaCache cache(registry_, {.patience = absl::Minutes(10), .max_backoff = absl::Milliseconds(1)});
  ASSERT_TRUE(cache.FindById(id).ok());
  registry_->set_down(true);
  // A patience of ten minutes would be waited for if the failure ended no wait.
  EXPECT_TRUE(absl::IsUnavailable(cache.FindById(other).status()));
  EXPECT_TRUE(cache.FindById(id).ok());
  registry_->set_down(false);
  while (!cache.FindById(other).ok()) std::this_thread::yield();
}

TEST_F(SchemaCacheTest, ManyWorkersAskForOneSchemaOnce) {
  const int32_t id = registry_->Register("a", Text("{}")).value();
  SchemaCache cache(registry_, {.patience = absl::Minutes(1)});
  const int before = registry_->calls();
  std::atomic<int> found = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < 8; ++i) workers.emplace_back([&] { found += cache.FindById(id).ok(); });
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(found, 8);
  EXPECT_EQ(registry_->calls(), before + 1);
}

TEST_F(SchemaCacheTest, ReferencesAreFollowedWithinBounds) {
  registry_->Register("leaf", Text("1")).value();
  registry_->Register("middle", Text("2", {{.name = "leaf", .subject = "leaf", .version = 1}})).value();
  const int32_t id =
      registry_->Register("top", Text("3", {{.name = "middle", .subject = "middle", .version = 1}})).value();
  SchemaCache cache(registry_, {.background = false});
  EXPECT_EQ((*cache.FindById(id))->references.at("leaf").text, "1");
  // One that refers to itself ends.
  const Schema circle = Text("c", {{.name = "circle", .subject = "circle", .version = 1}});
  EXPECT_TRUE(cache.FindById(registry_->Register("circle", circle).value()).ok());
  // A chain that is too long.
  for (int i = 0; i < 20; ++i) {
    const std::string below = absl::StrCat("chain", i - 1);
    const std::vector<SchemaReference> refers = {{.name = below, .subject = below, .version = 1}};
    registry_->Register(absl::StrCat("chain", i), Text(absl::StrCat(i), i == 0 ? decltype(refers){} : refers)).value();
  }
  const auto deep = cache.FindById(registry_->FindVersion("chain19", 1)->id);
  EXPECT_EQ(deep.status().code(), absl::StatusCode::kFailedPrecondition);
  // One that is not there.
  const Schema lost = Text("l", {{.name = "gone", .subject = "gone", .version = 3}});
  const auto found = cache.FindById(registry_->Register("lost", lost).value());
  EXPECT_TRUE(absl::IsNotFound(found.status()));
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("\"gone\" (subject gone, version 3)"));
  // Two of one name.
  registry_->Register("leaf", Text("another leaf")).value();
  const Schema torn =
      Text("t", {{.name = "leaf", .subject = "leaf", .version = 1}, {.name = "leaf", .subject = "leaf", .version = 2}});
  EXPECT_EQ(cache.FindById(registry_->Register("torn", torn).value()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(SchemaCacheTest, ACacheEndsWhileItWaits) {
  registry_->set_down(true);
  SchemaCache cache(registry_, {.min_backoff = absl::Hours(1), .max_backoff = absl::Hours(1)});
  EXPECT_TRUE(absl::IsUnavailable(cache.FindById(1).status()));
}

TEST(ConnectSchemaRegistryTest, OptionsThatCannotBeRightAreRefused) {
  EXPECT_TRUE(ConnectSchemaRegistry({}).ok());
  EXPECT_THAT(std::string((*ConnectSchemaRegistry({}))->registry()->FindById(1).status().message()),
              HasSubstr("set schema_registry_url"));
  EXPECT_TRUE(ConnectSchemaRegistry({.url = "http://a:1/x/, https://b"}).ok());
  for (const SchemaRegistryOptions& wrong :
       {SchemaRegistryOptions{.url = "a:8081"}, SchemaRegistryOptions{.url = "http://me:secret@a:8081"},
        SchemaRegistryOptions{.url = "http://a", .username = "me"},
        SchemaRegistryOptions{.url = "http://a", .username = "me", .password_file = "p", .token_file = "t"}}) {
    const absl::Status status = ConnectSchemaRegistry(wrong).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(std::string(status.message()).find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace once
