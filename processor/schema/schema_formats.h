// Values that name their schema, as serializers of Confluent's wire format write them; for On and AddSink.
//
//   const auto orders_format = once::RegistryProtobuf<OrderPlaced>(registry);
//   const auto totals_format = once::RegistryProtobuf<CustomerTotal>(registry, {.schema = {.use =
//   SchemaUse::kRegister}}); auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "totals"},
//   totals_format); builder.AddAggregate<CustomerTotal>("customer").EmitsTo(totals).On<OrderPlaced>(orders,
//   orders_format, handler);
//
// An event whose schema the registry does not have fails as NOT_FOUND, one without a frame as DATA_LOSS, one of another
// type as INVALID_ARGUMENT; while the registry cannot be asked for a schema that is not known yet, as UNAVAILABLE,
// which is tried again. docs/schemas.md has the whole.
#ifndef ONCE_PROCESSOR_SCHEMA_SCHEMA_FORMATS_H_
#define ONCE_PROCESSOR_SCHEMA_SCHEMA_FORMATS_H_

#include <algorithm>
#include <concepts>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"
#include "once/codec.h"
#include "once/value_format.h"
#include "processor/schema/json_framing.h"
#include "processor/schema/protobuf_framing.h"
#include "processor/schema/schema_options.h"
#include "processor/schema/schema_registry.h"
#include "processor/schema/schema_writer.h"
#include "processor/typed/codec_json.h"

namespace once {

struct ProtobufSchemaOptions {
  SchemaOptions schema = {};
  // Full names of messages that are read as well, such as what the type was called before.
  std::vector<std::string> also_reads = {};
};

struct JsonSchemaOptions {
  SchemaOptions schema = {};
  // The program's own JSON Schema; needed unless the latest of the subject is written.
  std::string own_schema = {};
  // Whether values are held against their schema, as they are read and before they are written.
  bool validates = true;
  // Of messages: whether fields are written by their names in the .proto file, instead of in lowerCamelCase. Both are
  // read.
  bool proto_names = false;
};

namespace internal {

// What the formats of a registry have in common: how a sink finds its schema.
template <typename T>
class FramingEncoder : public ValueEncoder<T> {
 public:
  FramingEncoder(std::shared_ptr<SchemaCache> cache, std::string subject, SchemaUse use, ProgramSchema program)
      : writer_(std::make_unique<SchemaWriter>(std::move(cache), std::move(subject), use, std::move(program))) {}
  absl::Status CheckAtStart() const override { return writer_->FindNow(); }

 protected:
  SchemaWriter& writer() const { return *writer_; }
  // Room for `size` bytes behind the prefix.
  static char* Begin(const SchemaWriter::Ready& ready, size_t size, Arena* arena) {
    char* const bytes = arena->Allocate(ready.prefix.size() + size);
    std::memcpy(bytes, ready.prefix.data(), ready.prefix.size());
    return bytes;
  }

 private:
  const std::unique_ptr<SchemaWriter> writer_;
};

template <typename T>
class RegistryProtobufFormat final : public ValueFormat<T> {
 public:
  RegistryProtobufFormat(std::shared_ptr<SchemaCache> cache, ProtobufSchemaOptions options)
      : cache_(std::move(cache)), options_(std::move(options)) {}

  std::string TypeName() const override { return T::descriptor()->full_name(); }
  std::unique_ptr<ValueDecoder<T>> NewDecoder(const std::string&) const override {
    std::vector<std::string> names = {TypeName()};
    names.insert(names.end(), options_.also_reads.begin(), options_.also_reads.end());
    return std::make_unique<Decoder>(cache_, std::move(names));
  }
  std::shared_ptr<const ValueEncoder<T>> NewEncoder(const std::string& topic) const override {
    return std::make_shared<const Encoder>(cache_, SubjectFor(options_.schema, topic, TypeName()), options_.schema.use,
                                           ProtobufProgram(T::descriptor()));
  }
  absl::StatusOr<std::string> ToJson(const T& value) const override { return MessageToJson(value); }

 private:
  class Decoder final : public ValueDecoder<T> {
   public:
    Decoder(std::shared_ptr<SchemaCache> cache, std::vector<std::string> names)
        : reader_(std::move(cache), std::move(names)) {}
    absl::Status Decode(const RecordView& record, T* value) override {
      const absl::StatusOr<std::string_view> bytes = reader_.Unframe(record.value.value_or(std::string_view()));
      if (!bytes.ok()) return bytes.status();
      return Codec<T>::Decode(*bytes, value);
    }

   private:
    ProtobufReader reader_;
  };

  class Encoder final : public FramingEncoder<T> {
   public:
    using FramingEncoder<T>::FramingEncoder;
    absl::StatusOr<std::string_view> Encode(const T& value, Arena* arena) const override {
      if (absl::Status checked = Codec<T>::Check(value); !checked.ok()) {
        return absl::InvalidArgumentError(checked.message());
      }
      const auto ready = this->writer().Get();
      if (!ready.ok()) return ready.status();
      const size_t size = value.ByteSizeLong();
      char* const bytes = this->Begin(**ready, size, arena);
      const size_t before = (*ready)->prefix.size();
      value.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(bytes + before));
      return std::string_view(bytes, before + size);
    }
  };

  const std::shared_ptr<SchemaCache> cache_;
  const ProtobufSchemaOptions options_;
};

// The JSON text of a value: of a message protobuf's own form, else what its codec makes, which must be JSON.
template <typename T>
absl::StatusOr<std::string> JsonTextOf(const T& value, bool proto_names) {
  if constexpr (std::derived_from<T, google::protobuf::Message>) {
    return MessageToWireJson(value, proto_names);
  } else {
    return EncodeChecked(value);
  }
}

template <typename T>
absl::Status ParseJsonText(std::string_view text, T* value) {
  if constexpr (std::derived_from<T, google::protobuf::Message>) {
    return WireJsonToMessage(text, value);
  } else {
    return DecodeBytes(text, value);
  }
}

template <typename T>
class RegistryJsonFormat final : public ValueFormat<T> {
 public:
  RegistryJsonFormat(std::shared_ptr<SchemaCache> cache, JsonSchemaOptions options)
      : cache_(std::move(cache)), options_(std::move(options)) {}

  std::string TypeName() const override { return Codec<T>::TypeName(); }
  std::unique_ptr<ValueDecoder<T>> NewDecoder(const std::string&) const override {
    return std::make_unique<Decoder>(cache_, options_.validates);
  }
  std::shared_ptr<const ValueEncoder<T>> NewEncoder(const std::string& topic) const override {
    return std::make_shared<const Encoder>(cache_, SubjectFor(options_.schema, topic, TypeName()), options_);
  }
  absl::StatusOr<std::string> ToJson(const T& value) const override { return JsonTextOf(value, true); }

 private:
  class Decoder final : public ValueDecoder<T> {
   public:
    Decoder(std::shared_ptr<SchemaCache> cache, bool validates) : reader_(std::move(cache), validates) {}
    absl::Status Decode(const RecordView& record, T* value) override {
      const absl::StatusOr<std::string_view> text = reader_.Unframe(record.value.value_or(std::string_view()));
      if (!text.ok()) return text.status();
      return ParseJsonText(*text, value);
    }

   private:
    JsonReader reader_;
  };

  class Encoder final : public FramingEncoder<T> {
   public:
    Encoder(std::shared_ptr<SchemaCache> cache, std::string subject, const JsonSchemaOptions& options)
        : FramingEncoder<T>(std::move(cache), std::move(subject), options.schema.use, JsonProgram(options.own_schema)),
          validates_(options.validates),
          proto_names_(options.proto_names) {}
    absl::StatusOr<std::string_view> Encode(const T& value, Arena* arena) const override {
      const auto ready = this->writer().Get();
      if (!ready.ok()) return ready.status();
      const absl::StatusOr<std::string> text = JsonTextOf(value, proto_names_);
      if (!text.ok()) return text.status();
      if (validates_) {
        if (absl::Status valid = validator_.Check(*(*ready)->schema, *text); !valid.ok()) return valid;
      }
      char* const bytes = this->Begin(**ready, text->size(), arena);
      const size_t before = (*ready)->prefix.size();
      std::memcpy(bytes + before, text->data(), text->size());
      return std::string_view(bytes, before + text->size());
    }

   private:
    const bool validates_;
    const bool proto_names_;
    const SharedJsonValidator validator_;
  };

  const std::shared_ptr<SchemaCache> cache_;
  const JsonSchemaOptions options_;
};

}  // namespace internal

// Protobuf messages. The value's schema says which message it is; the program's own says what its fields are, so that
// fields that it does not know stay with the message.
template <typename T>
requires std::derived_from<T, google::protobuf::Message> Format<T> RegistryProtobuf(
    std::shared_ptr<SchemaCache> registry, ProtobufSchemaOptions options = {}) {
  return std::make_shared<const internal::RegistryProtobufFormat<T>>(std::move(registry), std::move(options));
}

// JSON with a JSON Schema. `T` is a message, which is JSON by protobuf's rules (fields that it does not know are passed
// over), or has a codec whose bytes are JSON.
template <typename T>
Format<T> RegistryJson(std::shared_ptr<SchemaCache> registry, JsonSchemaOptions options = {}) {
  return std::make_shared<const internal::RegistryJsonFormat<T>>(std::move(registry), std::move(options));
}

}  // namespace once

#endif  // ONCE_PROCESSOR_SCHEMA_SCHEMA_FORMATS_H_
