// What every SchemaRegistry keeps to: run on the one in memory always, and on a real one by tests/schemas/run.
#ifndef ONCE_TESTS_SCHEMAS_REGISTRY_CONTRACT_H_
#define ONCE_TESTS_SCHEMAS_REGISTRY_CONTRACT_H_

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "once/schema_registry.h"

namespace once {

struct RegistryUnderTest {
  std::string name;
  std::function<std::shared_ptr<SchemaRegistry>()> make;
  // Lets the subject refuse a schema that changes a field's type.
  std::function<void(SchemaRegistry* registry, const std::string& subject)> be_strict;
};

inline void PrintTo(const RegistryUnderTest& registry, std::ostream* out) { *out << registry.name; }

inline Schema ProtoSchema(const std::string& fields, std::vector<SchemaReference> references = {}) {
  std::string text = "syntax = \"proto3\";\npackage p;\n";
  for (const SchemaReference& each : references) absl::StrAppend(&text, "import \"", each.name, "\";\n");
  return {.type = SchemaType::kProtobuf,
          .text = absl::StrCat(text, "message A {\n", fields, "}\n"),
          .references = std::move(references)};
}

class RegistryContractTest : public ::testing::TestWithParam<RegistryUnderTest> {
 protected:
  // A registry may be others' as well: names are drawn.
  std::string Subject(const std::string& name) const { return absl::StrCat("contract-", run_, "/", name); }

  const uint64_t run_ = absl::Uniform<uint64_t>(random_);
  const std::shared_ptr<SchemaRegistry> registry_ = GetParam().make();

 private:
  static inline absl::BitGen random_;
};

TEST_P(RegistryContractTest, WhatIsRegisteredIsFoundByIdVersionAndText) {
  const std::string subject = Subject("a");
  const Schema first = ProtoSchema(absl::StrCat("  string x", run_, " = 1;\n"));
  const absl::StatusOr<int32_t> id = registry_->Register(subject, first);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(registry_->Register(subject, first).value(), *id);
  const absl::StatusOr<Schema> by_id = registry_->FindById(*id);
  ASSERT_TRUE(by_id.ok()) << by_id.status();
  EXPECT_EQ(*by_id, first);
  for (const int version : {1, kLatestVersion}) {
    const absl::StatusOr<SubjectVersion> found = registry_->FindVersion(subject, version);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->id, *id);
    EXPECT_EQ(found->version, 1);
    EXPECT_EQ(found->schema, first);
  }
  const absl::StatusOr<SubjectVersion> same = registry_->FindSchema(subject, first);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->id, *id);
  EXPECT_EQ(same->version, 1);
}

TEST_P(RegistryContractTest, TheLatestIsTheLast) {
  const std::string subject = Subject("a");
  const Schema first = ProtoSchema(absl::StrCat("  string x", run_, " = 1;\n"));
  const Schema second = ProtoSchema(absl::StrCat("  string x", run_, " = 1;\n  string y = 2;\n"));
  const absl::StatusOr<int32_t> one = registry_->Register(subject, first);
  ASSERT_TRUE(registry_->CheckCompatible(subject, second).ok());
  const absl::StatusOr<int32_t> two = registry_->Register(subject, second);
  ASSERT_TRUE(one.ok() && two.ok()) << two.status();
  EXPECT_NE(*one, *two);
  EXPECT_EQ(registry_->FindVersion(subject, kLatestVersion)->id, *two);
  EXPECT_EQ(registry_->FindVersion(subject, 1)->id, *one);
  EXPECT_EQ(registry_->FindVersion(subject, 2)->id, *two);
}

TEST_P(RegistryContractTest, TypesAndReferencesComeBack) {
  const Schema part = ProtoSchema(absl::StrCat("  string z", run_, " = 1;\n"));
  ASSERT_TRUE(registry_->Register(Subject("part"), part).ok());
  const Schema whole{
      .type = SchemaType::kProtobuf,
      .text = absl::StrCat("syntax = \"proto3\";\nimport \"part.proto\";\nmessage B", run_, " {\n  p.A a = 1;\n}\n"),
      .references = {{.name = "part.proto", .subject = Subject("part"), .version = 1}}};
  const absl::StatusOr<int32_t> id = registry_->Register(Subject("whole"), whole);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(registry_->FindById(*id).value(), whole);
  const absl::StatusOr<ResolvedSchema> resolved = ResolveReferences(registry_.get(), whole);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->references.at("part.proto"), part);
  // Apicurio goes by the text, whatever type it is told.
  const Schema json{
      .type = SchemaType::kJson,
      .text = absl::StrCat("{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"title\":\"", run_, "\"}")};
  EXPECT_EQ(registry_->FindById(registry_->Register(Subject("json"), json).value()).value(), json);
  const Schema avro{.type = SchemaType::kAvro,
                    .text = absl::StrCat("{\"type\":\"record\",\"name\":\"R", run_, "\",\"fields\":[]}")};
  EXPECT_EQ(registry_->FindById(registry_->Register(Subject("avro"), avro).value()).value(), avro);
}

TEST_P(RegistryContractTest, WhatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(registry_->FindById(2'000'000'000).status()))
      << registry_->FindById(2'000'000'000).status();
  EXPECT_TRUE(absl::IsNotFound(registry_->FindVersion(Subject("none"), kLatestVersion).status()));
  const Schema schema = ProtoSchema(absl::StrCat("  string x", run_, " = 1;\n"));
  EXPECT_TRUE(absl::IsNotFound(registry_->FindSchema(Subject("none"), schema).status()));
  EXPECT_TRUE(registry_->CheckCompatible(Subject("none"), schema).ok());
  ASSERT_TRUE(registry_->Register(Subject("a"), schema).ok());
  EXPECT_TRUE(absl::IsNotFound(registry_->FindVersion(Subject("a"), 7).status()));
  EXPECT_TRUE(absl::IsNotFound(registry_->FindSchema(Subject("a"), ProtoSchema("  bytes other = 1;\n")).status()));
}

TEST_P(RegistryContractTest, WhatTheRuleDoesNotAllowIsRefused) {
  const std::string subject = Subject("a");
  ASSERT_TRUE(registry_->Register(subject, ProtoSchema(absl::StrCat("  string x", run_, " = 1;\n"))).ok());
  GetParam().be_strict(registry_.get(), subject);
  const Schema other = ProtoSchema(absl::StrCat("  int64 x", run_, " = 1;\n"));
  const absl::Status checked = registry_->CheckCompatible(subject, other);
  EXPECT_EQ(checked.code(), absl::StatusCode::kFailedPrecondition) << checked;
  const absl::Status registered = registry_->Register(subject, other).status();
  EXPECT_EQ(registered.code(), absl::StatusCode::kFailedPrecondition) << registered;
}

}  // namespace once

#endif  // ONCE_TESTS_SCHEMAS_REGISTRY_CONTRACT_H_
