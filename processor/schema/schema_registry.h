// A schema registry that speaks Confluent's HTTP interface (its own, Apicurio's /apis/ccompat/v7, Karapace), and what
// an application keeps of it.
//
//   absl::StatusOr<once::Topology> Build(const once::Config& config) {
//     auto registry = once::ConnectSchemaRegistry(once::SchemaRegistryOptionsFrom(config));
//     if (!registry.ok()) return registry.status();
//     ...
//     .On<OrderPlaced>(orders, once::RegistryProtobuf<OrderPlaced>(*registry), handler)   // once/schema_formats.h
//
// docs/schemas.md has the whole. Formats: https://docs.confluent.io/platform/current/schema-registry/develop/api.html.
#ifndef ONCE_PROCESSOR_SCHEMA_SCHEMA_REGISTRY_H_
#define ONCE_PROCESSOR_SCHEMA_SCHEMA_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "once/config.h"

namespace once {

enum class SchemaType { kAvro, kJson, kProtobuf };
// "AVRO", "JSON" or "PROTOBUF", as the registry has them.
const char* SchemaTypeName(SchemaType type);

// Another schema that this one imports, by the name that it uses for it.
struct SchemaReference {
  std::string name = {};
  std::string subject = {};
  int version = 0;
  friend bool operator==(const SchemaReference&, const SchemaReference&) = default;
};

struct Schema {
  SchemaType type = SchemaType::kAvro;
  std::string text = {};
  std::vector<SchemaReference> references = {};
  friend bool operator==(const Schema&, const Schema&) = default;
};

// A schema under a subject.
struct SubjectVersion {
  std::string subject = {};
  int version = 0;  // From 1 on.
  int32_t id = 0;   // Of the schema, in the whole registry.
  Schema schema = {};
};

inline constexpr int kLatestVersion = -1;

// The registry itself: each call asks it, and blocks until it answers. Thread-safe.
//
// Errors: NotFound, the registry says that there is no such thing; InvalidArgument, it takes the schema for none;
// FailedPrecondition, it refuses the schema beside the subject's others, and says why if it does; Unavailable, anything
// else: it is down, does not answer in time or in its own words, or refuses the credentials. All with the place that
// was asked.
class SchemaRegistry {
 public:
  virtual ~SchemaRegistry() = default;
  virtual absl::StatusOr<Schema> FindById(int32_t id) = 0;
  virtual absl::StatusOr<SubjectVersion> FindVersion(const std::string& subject, int version) = 0;
  // Where the subject has exactly this schema.
  virtual absl::StatusOr<SubjectVersion> FindSchema(const std::string& subject, const Schema& schema) = 0;
  // Whether the subject's rule lets it come after the latest; OK for a subject that is not there.
  virtual absl::Status CheckCompatible(const std::string& subject, const Schema& schema) = 0;
  // Returns the ID; that of before if the subject has the schema already.
  virtual absl::StatusOr<int32_t> Register(const std::string& subject, const Schema& schema) = 0;
};

struct SchemaRegistryOptions {
  // http://HOST:PORT or https://..., with the path before /subjects if there is one; several with commas between them
  // are asked in turn, until one answers. No credentials in it.
  std::string url = {};
  std::string username = {};       // Basic authentication, with the password in that file.
  std::string password_file = {};  // Read for each call, so that a new one counts at once.
  std::string token_file = {};     // Instead: a bearer token.
  std::string ca_file = {};        // PEM, of the authorities that are trusted; empty: the system's.
  absl::Duration connect_timeout = absl::Seconds(2);
  absl::Duration timeout = absl::Seconds(5);    // Of a whole call.
  size_t max_response_bytes = size_t{4} << 20;  // A longer answer is none.
};

// Asks for the options schema_registry_url, schema_registry_username, schema_registry_password_file,
// schema_registry_token_file, schema_registry_ca_file and schema_registry_timeout.
SchemaRegistryOptions SchemaRegistryOptionsFrom(const Config& config);

// By HTTP. InvalidArgument for options that cannot be right; asks nothing yet.
absl::StatusOr<std::shared_ptr<SchemaRegistry>> NewHttpSchemaRegistry(const SchemaRegistryOptions& options);

// A schema with all that it refers to, directly or not, by name.
struct ResolvedSchema {
  int32_t id = 0;
  int version = 0;  // Where a subject was asked for, else 0.
  Schema schema = {};
  std::map<std::string, Schema> references = {};
};

// Follows references, at most 16 deep and 256 in all; FailedPrecondition beyond, or if two of one name differ. Blocks.
absl::StatusOr<ResolvedSchema> ResolveReferences(SchemaRegistry* registry, Schema schema);

struct SchemaCacheOptions {
  // Schemas are fetched by a thread of the cache's own; false: by whoever asks, for tests.
  bool background = true;
  // How long who asks first waits for the answer, while the registry answers: an event that needs a new schema is
  // seldom put off by it. Beyond that, and while the registry is down, the answer is Unavailable at once.
  absl::Duration patience = absl::Milliseconds(100);
  // What the registry does not have is asked for again after this time.
  absl::Duration missing_for = absl::Seconds(10);
  // A registry that is down is asked again after this time, then twice as long each time, up to max_backoff.
  absl::Duration min_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(5);
  size_t max_entries = 10'000;  // Schemas kept; when there are more, all are forgotten.
};

// What an application knows of the registry: schemas never change, so one that was found is kept for good, and goes on
// when the registry is down. Shared by all formats and workers; thread-safe.
class SchemaCache {
 public:
  explicit SchemaCache(std::shared_ptr<SchemaRegistry> registry, const SchemaCacheOptions& options = {});
  ~SchemaCache();
  SchemaCache(const SchemaCache&) = delete;
  SchemaCache& operator=(const SchemaCache&) = delete;

  // NotFound if the registry has none; Unavailable while it is not known. Never waits for longer than `patience`.
  absl::StatusOr<std::shared_ptr<const ResolvedSchema>> FindById(int32_t id);

  // What `find`, which blocks, returns, kept likewise under a key of the caller's.
  using Find = std::function<absl::StatusOr<ResolvedSchema>()>;
  absl::StatusOr<std::shared_ptr<const ResolvedSchema>> FindBy(const std::string& key, const Find& find);
  // The same at once, however long it takes.
  absl::StatusOr<std::shared_ptr<const ResolvedSchema>> FindNow(const std::string& key, const Find& find);

  // For calls that block.
  SchemaRegistry* registry() { return registry_.get(); }

 private:
  class Impl;
  const std::shared_ptr<SchemaRegistry> registry_;
  const std::unique_ptr<Impl> impl_;
};

// A cache of the registry there, for a topology; without a URL one that has nothing, so that --help and
// --print_topology need no registry: a start refuses it.
absl::StatusOr<std::shared_ptr<SchemaCache>> ConnectSchemaRegistry(const SchemaRegistryOptions& options);

}  // namespace once

#endif  // ONCE_PROCESSOR_SCHEMA_SCHEMA_REGISTRY_H_
