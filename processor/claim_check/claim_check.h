// Values too large for records lie in a blob store; the record has a reference in the header once.claim instead.
//
//   auto store = once::OpenBlobStore(once::BlobStoreOptionsFrom(config));
//   auto scans = builder.AddSink<Scan>("scans", {.topic = "scans"}, once::ClaimCheck<Scan>(*store));
//   builder.AddTransform("read").On<Scan>(orders, once::ClaimCheck<Scan>(*store), handler);
//   // Fetched where the handler asks for it:
//   builder.AddTransform("route").On<once::Claimed<Scan>>(orders, once::LazyClaimCheck<Scan>(*store),
//       [](const once::Claimed<Scan>& scan, auto& event) { ... scan.Get() ... });
//
// A value that fits is written as the format within it does, and both are read. A blob is put where the handler emits,
// so before its transaction commits; the handler waits for it, as for what it reads. An event whose blob is missing
// fails as NOT_FOUND, one whose blob is not what it was as DATA_LOSS, or both as UNAVAILABLE, by ClaimCheckOptions; a
// store that does not answer is UNAVAILABLE, which is tried again. docs/claim_check.md has the whole.
#ifndef ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_CHECK_H_
#define ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_CHECK_H_

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "google/protobuf/message.h"
#include "once/codec.h"
#include "once/value_format.h"
#include "processor/base/large_values.h"
#include "processor/claim_check/blob_store.h"
#include "processor/claim_check/claim_options.h"
#include "processor/claim_check/claim_reference.h"
#include "processor/claim_check/claim_store.h"
#include "processor/typed/codec_json.h"

namespace once {

namespace internal {

// What a codec does, as a format.
template <typename T>
class CodecFormat final : public ValueFormat<T> {
 public:
  std::string TypeName() const override { return Codec<T>::TypeName(); }
  std::unique_ptr<ValueDecoder<T>> NewDecoder(const std::string&) const override { return std::make_unique<Decoder>(); }
  std::shared_ptr<const ValueEncoder<T>> NewEncoder(const std::string&) const override {
    return std::make_shared<const Encoder>();
  }
  absl::StatusOr<std::string> ToJson(const T& value) const override {
    if constexpr (std::derived_from<T, google::protobuf::Message>) {
      return MessageToJson(value);
    } else {
      return TextToJson(Codec<T>::ToText(value));
    }
  }

 private:
  class Decoder final : public ValueDecoder<T> {
   public:
    absl::Status Decode(const RecordView& record, T* value) override {
      const absl::Status decoded = DecodeBytes(record.value.value_or(std::string_view()), value);
      return decoded.ok() ? decoded : absl::DataLossError(decoded.message());
    }
  };
  class Encoder final : public ValueEncoder<T> {
   public:
    absl::StatusOr<std::string_view> Encode(const T& value, Arena* arena) const override {
      if constexpr (HasCheck<T>) {
        if (absl::Status checked = Codec<T>::Check(value); !checked.ok()) {
          return absl::InvalidArgumentError(checked.message());
        }
      }
      return Codec<T>::Encode(value, arena);
    }
  };
};

template <typename T>
class ClaimCheckFormat final : public ValueFormat<T> {
 public:
  ClaimCheckFormat(Format<T> inner, std::shared_ptr<const ClaimStore> store)
      : inner_(std::move(inner)), store_(std::move(store)) {}

  std::string TypeName() const override { return inner_->TypeName(); }
  std::unique_ptr<ValueDecoder<T>> NewDecoder(const std::string& topic) const override {
    return std::make_unique<Decoder>(inner_->NewDecoder(topic), store_);
  }
  std::shared_ptr<const ValueEncoder<T>> NewEncoder(const std::string& topic) const override {
    return std::make_shared<const Encoder>(inner_->NewEncoder(topic), store_, inner_->Shape().wrap != nullptr);
  }
  RecordShape Shape() const override {
    RecordShape shape = inner_->Shape();
    shape.wrap = nullptr;  // Such a sink is refused, see Encoder.
    return shape;
  }
  absl::StatusOr<std::string> ToJson(const T& value) const override { return inner_->ToJson(value); }

 private:
  class Decoder final : public ValueDecoder<T> {
   public:
    Decoder(std::unique_ptr<ValueDecoder<T>> inner, std::shared_ptr<const ClaimStore> store)
        : inner_(std::move(inner)), store_(std::move(store)) {}
    absl::Status Decode(const RecordView& record, T* value) override {
      const absl::StatusOr<std::optional<ClaimReference>> claim = ClaimOf(record);
      if (!claim.ok()) return claim.status();
      if (!claim->has_value()) return inner_->Decode(record, value);
      std::string bytes;
      if (absl::Status fetched = store_->Fetch(**claim, &bytes); !fetched.ok()) return fetched;
      RecordView whole = record;
      whole.value = bytes;
      return inner_->Decode(whole, value);
    }

   private:
    const std::unique_ptr<ValueDecoder<T>> inner_;
    const std::shared_ptr<const ClaimStore> store_;
  };

  class Encoder final : public ValueEncoder<T> {
   public:
    Encoder(std::shared_ptr<const ValueEncoder<T>> inner, std::shared_ptr<const ClaimStore> store, bool is_wrapped)
        : inner_(std::move(inner)), store_(std::move(store)), is_wrapped_(is_wrapped) {}
    absl::Status CheckAtStart() const override {
      if (is_wrapped_) {
        return absl::InvalidArgumentError(
            "its format makes the value only after the payload was put away, as structured CloudEvents do; write "
            "binary ones, or without a claim check");
      }
      if (absl::Status ready = store_->CheckAtStart(); !ready.ok()) return ready;
      return inner_->CheckAtStart();
    }
    absl::StatusOr<std::string_view> Encode(const T& value, Arena* arena) const override {
      RecordHeaders headers;
      absl::StatusOr<std::string_view> bytes = EncodeWithHeaders(value, arena, &headers);
      if (bytes.ok() && !headers.empty()) {
        return absl::FailedPreconditionError("the value is written with headers; ask for these as well");
      }
      return bytes;
    }
    absl::StatusOr<std::string_view> EncodeWithHeaders(const T& value, Arena* arena,
                                                       RecordHeaders* headers) const override {
      absl::StatusOr<std::string_view> bytes = inner_->EncodeWithHeaders(value, arena, headers);
      if (!bytes.ok() || !store_->MustStore(*bytes)) return bytes;
      const absl::StatusOr<ClaimReference> reference = store_->Store(*bytes);
      if (!reference.ok()) return reference.status();
      headers->emplace_back(kClaimHeader, FormatClaim(*reference));
      return kClaimValue;
    }

   private:
    const std::shared_ptr<const ValueEncoder<T>> inner_;
    const std::shared_ptr<const ClaimStore> store_;
    const bool is_wrapped_;
  };

  const Format<T> inner_;
  const std::shared_ptr<const ClaimStore> store_;
};

template <typename T>
class LazyFormat;

}  // namespace internal

// A value that is fetched where it is asked for. Lives for one call of the handler, as its context does; not
// thread-safe.
template <typename T>
class Claimed {
 public:
  // The value, fetched and decoded at the first call. An error is to be returned by the handler: it is what the event
  // would have failed with.
  absl::StatusOr<const T*> Get() const {
    if (!status_.has_value()) {
      value_ = T{};
      status_ = decoder_ == nullptr ? absl::FailedPreconditionError("it belongs to no event")
                                    : decoder_->Decode(record_, &value_);
    }
    if (!status_->ok()) return *status_;
    return &value_;
  }
  // Whether it lies in the blob store, and how large it is, without fetching it.
  bool is_in_store() const { return reference_.has_value(); }
  int64_t bytes() const {
    return reference_.has_value() ? reference_->bytes : static_cast<int64_t>(record_.value.value_or("").size());
  }
  // What a state may keep to have its blob kept, as it is, in a field of text or bytes; empty if it is not in the
  // store.
  std::string reference() const { return reference_.has_value() ? internal::FormatClaim(*reference_) : std::string(); }

 private:
  friend class internal::LazyFormat<T>;

  RecordView record_ = {};
  std::optional<internal::ClaimReference> reference_ = {};
  std::shared_ptr<ValueDecoder<T>> decoder_ = nullptr;
  mutable std::optional<absl::Status> status_ = {};
  mutable T value_{};
};

namespace internal {

template <typename T>
class LazyFormat final : public ValueFormat<Claimed<T>> {
 public:
  explicit LazyFormat(Format<T> eager) : eager_(std::move(eager)) {}

  std::string TypeName() const override { return eager_->TypeName(); }
  std::unique_ptr<ValueDecoder<Claimed<T>>> NewDecoder(const std::string& topic) const override {
    return std::make_unique<Decoder>(eager_->NewDecoder(topic));
  }
  std::shared_ptr<const ValueEncoder<Claimed<T>>> NewEncoder(const std::string&) const override {
    return std::make_shared<const Encoder>();
  }
  absl::StatusOr<std::string> ToJson(const Claimed<T>& value) const override {
    const absl::StatusOr<const T*> fetched = value.Get();
    if (!fetched.ok()) return fetched.status();
    return eager_->ToJson(**fetched);
  }

 private:
  class Decoder final : public ValueDecoder<Claimed<T>> {
   public:
    explicit Decoder(std::unique_ptr<ValueDecoder<T>> eager) : eager_(std::move(eager)) {}
    absl::Status Decode(const RecordView& record, Claimed<T>* value) override {
      absl::StatusOr<std::optional<ClaimReference>> claim = ClaimOf(record);
      if (!claim.ok()) return claim.status();
      value->record_ = record;
      value->reference_ = *std::move(claim);
      value->decoder_ = eager_;
      value->status_.reset();
      return absl::OkStatus();
    }

   private:
    const std::shared_ptr<ValueDecoder<T>> eager_;
  };
  class Encoder final : public ValueEncoder<Claimed<T>> {
   public:
    absl::Status CheckAtStart() const override { return Refused(); }
    absl::StatusOr<std::string_view> Encode(const Claimed<T>&, Arena*) const override { return Refused(); }

   private:
    static absl::Status Refused() {
      return absl::InvalidArgumentError("LazyClaimCheck only reads; let the sink's format be a ClaimCheck");
    }
  };

  const Format<T> eager_;
};

}  // namespace internal

// `inner` reads and writes the bytes, whether they lie in the record or in the store. It may not be one that wraps
// values later, as structured CloudEvents.
template <typename T>
Format<T> ClaimCheck(Format<T> inner, std::shared_ptr<BlobStore> store, const ClaimCheckOptions& options = {}) {
  return std::make_shared<const internal::ClaimCheckFormat<T>>(
      std::move(inner), std::make_shared<const internal::ClaimStore>(std::move(store), options));
}
// The same of what T's codec writes.
template <typename T>
Format<T> ClaimCheck(std::shared_ptr<BlobStore> store, const ClaimCheckOptions& options = {}) {
  return ClaimCheck<T>(std::make_shared<const internal::CodecFormat<T>>(), std::move(store), options);
}

// For handlers that do not always want the value. Reads what ClaimCheck reads.
template <typename T>
Format<Claimed<T>> LazyClaimCheck(Format<T> inner, std::shared_ptr<BlobStore> store,
                                  const ClaimCheckOptions& options = {}) {
  return std::make_shared<const internal::LazyFormat<T>>(ClaimCheck<T>(std::move(inner), std::move(store), options));
}
template <typename T>
Format<Claimed<T>> LazyClaimCheck(std::shared_ptr<BlobStore> store, const ClaimCheckOptions& options = {}) {
  return LazyClaimCheck<T>(std::make_shared<const internal::CodecFormat<T>>(), std::move(store), options);
}

// For TopologyBuilder::KeepLargeEvents: events of which a changelog or the dead-letter topic has no room for the value
// leave that in the store and are kept by reference. Of the options `inline_bytes` does not count.
std::shared_ptr<LargeValues> KeepIn(std::shared_ptr<BlobStore> store, const ClaimCheckOptions& options = {});

}  // namespace once

#endif  // ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_CHECK_H_
