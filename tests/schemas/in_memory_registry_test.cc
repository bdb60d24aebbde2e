// The registry of tests keeps to the contract of the real one.
#include "once/in_memory_schema_registry.h"
#include "tests/schemas/registry_contract.h"

namespace once {
namespace {

INSTANTIATE_TEST_SUITE_P(InMemory, RegistryContractTest,
                         ::testing::Values(RegistryUnderTest{
                             .name = "InMemory",
                             .make = [] { return std::make_shared<InMemorySchemaRegistry>(); },
                             .be_strict =
                                 [](SchemaRegistry* registry, const std::string& subject) {
                                   static_cast<InMemorySchemaRegistry*>(registry)->Refuse(subject, "another type");
                                 }}),
                         [](const auto& info) { return info.param.name; });

TEST(InMemorySchemaRegistryTest, WhileItIsDownNothingIsKnown) {
  InMemorySchemaRegistry registry;
  registry.set_down(true);
  EXPECT_TRUE(absl::IsUnavailable(registry.FindById(1).status()));
  EXPECT_TRUE(absl::IsUnavailable(registry.CheckCompatible("a", {})));
  registry.set_down(false);
  EXPECT_TRUE(absl::IsNotFound(registry.FindById(1).status()));
  EXPECT_EQ(registry.calls(), 3);
}

}  // namespace
}  // namespace once
