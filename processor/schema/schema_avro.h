// Avro that names its schema, as serializers of Confluent's wire format write it, read into protobuf messages by the
// names of fields, and written from them:
//
//   .On<OrderPlaced>(orders, once::RegistryAvro<OrderPlaced>(registry), handler)
//
// What fits what: docs/schemas.md. Failures are those of once/schema_formats.h.
#ifndef ONCE_PROCESSOR_SCHEMA_SCHEMA_AVRO_H_
#define ONCE_PROCESSOR_SCHEMA_SCHEMA_AVRO_H_

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "google/protobuf/message.h"
#include "once/value_format.h"
#include "processor/schema/avro_framing.h"
#include "processor/schema/schema_options.h"
#include "processor/schema/schema_registry.h"
#include "processor/schema/schema_writer.h"
#include "processor/typed/codec_json.h"

namespace once {

struct AvroSchemaOptions {
  SchemaOptions schema = {};
  // The program's own schema, in Avro's JSON; needed unless the latest of the subject is written.
  std::string own_schema = {};
};

namespace internal {

template <typename T>
class RegistryAvroFormat final : public ValueFormat<T> {
 public:
  RegistryAvroFormat(std::shared_ptr<SchemaCache> cache, AvroSchemaOptions options)
      : cache_(std::move(cache)), options_(std::move(options)) {}

  std::string TypeName() const override { return T::descriptor()->full_name(); }
  std::unique_ptr<ValueDecoder<T>> NewDecoder(const std::string&) const override {
    return std::make_unique<Decoder>(cache_);
  }
  std::shared_ptr<const ValueEncoder<T>> NewEncoder(const std::string& topic) const override {
    return std::make_shared<const Encoder>(cache_, SubjectFor(options_.schema, topic, TypeName()), options_);
  }
  absl::StatusOr<std::string> ToJson(const T& value) const override { return MessageToJson(value); }

 private:
  class Decoder final : public ValueDecoder<T> {
   public:
    explicit Decoder(std::shared_ptr<SchemaCache> cache) : reader_(std::move(cache)) {}
    absl::Status Decode(const RecordView& record, T* value) override {
      return reader_.Decode(record.value.value_or(std::string_view()), value);
    }

   private:
    AvroReader reader_;
  };

  class Encoder final : public ValueEncoder<T> {
   public:
    Encoder(std::shared_ptr<SchemaCache> cache, std::string subject, const AvroSchemaOptions& options)
        : writer_(std::make_unique<SchemaWriter>(std::move(cache), std::move(subject), options.schema.use,
                                                 AvroProgram(options.own_schema, &T::default_instance()))) {}
    absl::Status CheckAtStart() const override { return writer_->FindNow(); }
    absl::StatusOr<std::string_view> Encode(const T& value, Arena* arena) const override {
      const auto ready = writer_->Get();
      if (!ready.ok()) return ready.status();
      const absl::StatusOr<const AvroSchema*> schema = schema_.Get(*(*ready)->schema);
      if (!schema.ok()) return schema.status();
      return (*schema)->Encode(value, (*ready)->prefix, arena);
    }

   private:
    const std::unique_ptr<SchemaWriter> writer_;
    const SharedAvroSchema schema_;
  };

  const std::shared_ptr<SchemaCache> cache_;
  const AvroSchemaOptions options_;
};

}  // namespace internal

template <typename T>
requires std::derived_from<T, google::protobuf::Message> Format<T> RegistryAvro(std::shared_ptr<SchemaCache> registry,
                                                                                AvroSchemaOptions options = {}) {
  return std::make_shared<const internal::RegistryAvroFormat<T>>(std::move(registry), std::move(options));
}

}  // namespace once

#endif  // ONCE_PROCESSOR_SCHEMA_SCHEMA_AVRO_H_
