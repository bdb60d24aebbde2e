// Kafka's rules for names, and ours for what is made of them (X8).
#include "processor/base/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

namespace {

constexpr size_t kMaxTopicNameBytes = 249;
// "<application>-<group>-changelog" has to fit as well.
constexpr size_t kMaxPartBytes = 100;

bool IsLegal(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace

std::string TopicNameMistake(std::string_view name) {
  if (name.empty()) return "it is empty; give it a name";
  if (name == "." || name == "..") return "Kafka reserves that name; use another";
  if (name.size() > kMaxTopicNameBytes) {
    return absl::StrCat("it has ", name.size(), " characters; use at most ", kMaxTopicNameBytes);
  }
  return IsLegal(name) ? "" : "Kafka does not allow it; use only letters, digits, '.', '_' and '-'";
}

std::string NamePartMistake(std::string_view name) {
  if (name.size() > kMaxPartBytes) {
    return absl::StrCat("it has ", name.size(), " characters, but becomes part of topics' names; use at most ",
                        kMaxPartBytes);
  }
  return TopicNameMistake(name);
}

bool AreOneTopicToKafka(std::string_view a, std::string_view b) {
  // It names metrics after topics and writes both as one there, so it refuses a topic that differs in nothing else.
  const auto alike = [](char x, char y) { return x == y || ((x == '.' || x == '_') && (y == '.' || y == '_')); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), alike);
}

std::string TransactionalId(std::string_view application_id, std::string_view instance_id, int worker, int slot) {
  std::string instance(instance_id);
  // X8: instances' names have dashes too, and the parts must be told apart.
  std::replace(instance.begin(), instance.end(), '-', '~');
  return absl::StrCat(ToAbsl(application_id), "-", instance, "-", worker, "-", slot);
}

std::string ToolTransactionalId(std::string_view application_id, std::string_view tool) {
  // X8: no name has a '+'.
  return absl::StrCat(ToAbsl(application_id), "-+", ToAbsl(tool));
}

}  // namespace once
