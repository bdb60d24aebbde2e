// Copies texts in capital letters, from a topic to another, both with claim checks: the pod of broker_test.
#include <cctype>
#include <string>

#include "once/claim_check.h"
#include "once/main.h"
#include "once/topology.h"

namespace {

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  const auto store = once::OpenBlobStore(once::BlobStoreOptionsFrom(config));
  if (!store.ok()) return store.status();
  once::TopologyBuilder builder(config.Get("app_name", "claims-app"));
  const auto format = once::ClaimCheck<std::string>(*store, {.inline_bytes = 1000});
  auto texts = builder.AddSource("texts", {.topic = config.Get("texts_topic", "texts")});
  auto copies = builder.AddSink<std::string>("copies", {.topic = config.Get("copies_topic", "copies")}, format);
  builder.DeadLetterTo(config.Get("letters_topic", "texts.dlq"));
  builder.KeepLargeEvents(once::KeepIn(*store));
  builder.AddAggregate<std::string>("copier").EmitsTo(copies).On<std::string>(
      texts, {"text"}, format, [copies](const std::string& text, auto& copier) -> absl::Status {
        if (text.starts_with("bad")) return absl::InvalidArgumentError("it is bad");
        std::string loud = text;
        for (char& c : loud) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        copier.Emit(copies, loud);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

}  // namespace

int main(int argc, char** argv) { return once::Main(argc, argv, Build); }
