// A topology that copies texts with claim checks, on the engine that ships.
#ifndef ONCE_TESTS_CLAIM_CHECK_SCENE_H_
#define ONCE_TESTS_CLAIM_CHECK_SCENE_H_

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "once/claim_check.h"
#include "once/in_memory_blob_store.h"
#include "once/testing.h"
#include "once/topology.h"

namespace once {

using SentHeaders = std::vector<std::pair<std::string, std::string>>;

inline std::string HeaderOf(const SentHeaders& headers, const std::string& name) {
  for (const auto& [each, value] : headers) {
    if (each == name) return value;
  }
  return "";
}

// A record as a sink with a claim check writes it.
struct Claim {
  std::string value;
  SentHeaders headers;
};

inline Claim WriteClaim(const std::shared_ptr<BlobStore>& store, const std::string& text, int64_t inline_bytes = 4) {
  Arena arena;
  Claim claim;
  const auto encoder = ClaimCheck<std::string>(store, {.inline_bytes = inline_bytes})->NewEncoder("any");
  const auto bytes = encoder->EncodeWithHeaders(text, &arena, &claim.headers);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  claim.value = std::string(bytes.value_or(""));
  return claim;
}

inline std::string NameIn(const SentHeaders& headers) {
  const auto reference = internal::ParseClaim(HeaderOf(headers, std::string(internal::kClaimHeader)));
  EXPECT_TRUE(reference.ok()) << reference.status();
  return reference.ok() ? reference->name : "";
}

// From "texts" to "copies": a text that begins with "bad" fails for good, any other is emitted in capital letters.
inline TopologyTestDriver::Factory CopyTexts(const std::shared_ptr<BlobStore>& store,
                                             const ClaimCheckOptions& options = {.inline_bytes = 4}) {
  return [store, options](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("copier");
    auto texts = builder.AddSource("texts", {.topic = "texts"});
    auto copies = builder.AddSink<std::string>("copies", {.topic = "copies"}, ClaimCheck<std::string>(store, options));
    auto forwarded = builder.AddSink<Bytes>("forwarded", {.topic = "forwarded"});
    builder.DeadLetterTo("texts.dlq");
    builder.AddAggregate<std::string>("copier")
        .EmitsTo(copies, forwarded)
        .On<std::string>(texts, {"text"}, ClaimCheck<std::string>(store, options),
                         [copies, forwarded](const std::string& text, auto& event) -> absl::Status {
                           if (text.starts_with("bad")) return absl::InvalidArgumentError("it is bad");
                           std::string loud = text;
                           for (char& c : loud) c = static_cast<char>(toupper(c));
                           event.Emit(copies, loud, {.headers = {{"mine", "1"}}});
                           event.Forward(forwarded);
                           return absl::OkStatus();
                         });
    return std::move(builder).Build();
  };
}

inline void SendClaim(TopologyTestDriver* driver, const std::string& key, const Claim& claim, const std::string& id) {
  driver->SendBytes("texts", key, claim.value, {.event_id = id, .event_type = "text", .headers = claim.headers});
}

}  // namespace once

#endif  // ONCE_TESTS_CLAIM_CHECK_SCENE_H_
