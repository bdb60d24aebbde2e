// Events as CloudEvents 1.0 in Kafka, in binary mode (attributes are headers ce_*) and in structured mode (an envelope
// of JSON), as https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md has it.
//
//   auto orders = builder.AddSource("orders", {.topic = "orders", .identify = once::StructuredCloudEvents()});
//   const auto format = once::CloudEvents<CustomerTotal>({.source = "/order-totals", .mode =
//   CloudEventMode::kStructured}); auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "totals"}, format);
//   builder.AddAggregate<CustomerTotal>("customer").EmitsTo(totals)
//       .On<OrderPlaced>(orders, {"com.acme.order.placed"}, once::CloudEvents<OrderPlaced>(), handler);
//
// Both modes are read, whichever is written: a record's content-type says which it is. An event that lacks a required
// attribute fails as INVALID_ARGUMENT, one that is no JSON as DATA_LOSS.
#ifndef ONCE_PROCESSOR_SCHEMA_CLOUD_EVENTS_H_
#define ONCE_PROCESSOR_SCHEMA_CLOUD_EVENTS_H_

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "google/protobuf/message.h"
#include "once/codec.h"
#include "once/value_format.h"
#include "processor/schema/cloud_event_framing.h"
#include "processor/schema/json_framing.h"
#include "processor/typed/codec_json.h"

namespace once {

enum class CloudEventMode { kBinary, kStructured };

struct CloudEventOptions {
  // What is written: the attribute `source`, a URI reference. A sink needs one.
  std::string source = {};
  CloudEventMode mode = CloudEventMode::kBinary;
  std::string type = {};  // The attribute `type`, where On says nothing else; empty: the type's full name.
  // Whether messages are written as JSON, by protobuf's rules, or as their bytes. What is read says it itself.
  bool json = true;
  std::string data_schema = {};  // The attribute `dataschema`; empty: none.
  // Of values that are no messages: the attribute `datacontenttype`. Their bytes are the codec's; in structured mode
  // they are JSON if this says so.
  std::string data_content_type = {};
};

// Tells a source who structured events are: with it their id and source count for the suppression of duplicates, and
// their type chooses the handler, as the headers of binary ones do. It parses each structured record three times.
inline IdentifyEvent StructuredCloudEvents() {
  return
      [](const RecordView& record, EventIdentity* identity) { return internal::IdentifyStructured(record, identity); };
}

namespace internal {

template <typename T>
class CloudEventFormat final : public ValueFormat<T> {
 public:
  static constexpr bool kIsMessage = std::derived_from<T, google::protobuf::Message>;

  explicit CloudEventFormat(CloudEventOptions options) : options_(std::move(options)) {}

  std::string TypeName() const override { return options_.type.empty() ? Codec<T>::TypeName() : options_.type; }
  std::unique_ptr<ValueDecoder<T>> NewDecoder(const std::string&) const override { return std::make_unique<Decoder>(); }
  std::shared_ptr<const ValueEncoder<T>> NewEncoder(const std::string&) const override {
    return std::make_shared<const Encoder>(options_.source, kIsMessage && options_.json);
  }
  RecordShape Shape() const override {
    return ShapeOfCloudEvents({.source = options_.source,
                               .is_structured = options_.mode == CloudEventMode::kStructured,
                               .data_content_type = kIsMessage && options_.data_content_type.empty()
                                                        ? (options_.json ? "application/json" : "application/protobuf")
                                                        : options_.data_content_type,
                               .data_schema = options_.data_schema});
  }
  absl::StatusOr<std::string> ToJson(const T& value) const override {
    if constexpr (kIsMessage) return MessageToJson(value);
    return TextToJson(Codec<T>::ToText(value));
  }

 private:
  class Decoder final : public ValueDecoder<T> {
   public:
    absl::Status Decode(const RecordView& record, T* value) override {
      const absl::StatusOr<CloudEventData> data = DataOfCloudEvent(record, &scratch_);
      if (!data.ok()) return data.status();
      if constexpr (kIsMessage) {
        if (data->is_json) return WireJsonToMessage(data->bytes, value);
      }
      return DecodeBytes(data->bytes, value);
    }

   private:
    std::string scratch_;
  };

  class Encoder final : public ValueEncoder<T> {
   public:
    Encoder(std::string source, bool as_json) : source_(std::move(source)), as_json_(as_json) {}
    absl::Status CheckAtStart() const override { return CheckCloudEventSource(source_); }
    absl::StatusOr<std::string_view> Encode(const T& value, Arena* arena) const override {
      absl::StatusOr<std::string> bytes = std::string();
      if constexpr (kIsMessage) {
        bytes = as_json_ ? MessageToWireJson(value, false) : EncodeChecked(value);
      } else {
        bytes = EncodeChecked(value);
      }
      if (!bytes.ok()) return bytes.status();
      return arena->Copy(*bytes);
    }

   private:
    const std::string source_;
    const bool as_json_;
  };

  const CloudEventOptions options_;
};

}  // namespace internal

// Messages, in JSON or as their bytes, and values that have a codec.
template <typename T>
Format<T> CloudEvents(CloudEventOptions options = {}) {
  return std::make_shared<const internal::CloudEventFormat<T>>(std::move(options));
}

}  // namespace once

#endif  // ONCE_PROCESSOR_SCHEMA_CLOUD_EVENTS_H_
