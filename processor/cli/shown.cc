#include "processor/cli/shown.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "processor/base/strings.h"
#include "processor/engine/kept_values.h"

namespace once::cli {

namespace {

// What can be read as it is: UTF-8 without control characters but line breaks and tabs.
bool IsReadable(std::string_view bytes) { return IsValidUtf8(bytes) && PlainText(bytes) == bytes; }

std::string Base64(std::string_view bytes) {
  std::string text;
  absl::Base64Escape(ToAbsl(bytes), &text);
  return text;
}

}  // namespace

const SourceSpec* Shown::SourceOfTopic(std::string_view topic) const {
  for (const SourceSpec& source : graph_->sources) {
    if (source.topic == topic) return &source;
  }
  return nullptr;
}

SourceIndex Shown::IndexOf(const SourceSpec& source) const {
  return static_cast<SourceIndex>(&source - graph_->sources.data());
}

absl::StatusOr<uint16_t> Shown::FindGroup(const std::string& name) const {
  std::vector<std::string> names;
  const auto group_of = [this](SourceIndex source) {
    for (uint16_t g = 0; g < graph_->groups.size(); ++g) {
      const std::vector<SourceIndex>& sources = graph_->groups[g].sources;
      if (std::find(sources.begin(), sources.end(), source) != sources.end()) return g;
    }
    return uint16_t{0};
  };
  for (const HandlerSpec& handler : graph_->handlers) {
    const NodeSpec& node = graph_->nodes[handler.node];
    if (node.kind != NodeKind::kAggregate) continue;
    if (node.name == name) return group_of(handler.source);
    if (std::find(names.begin(), names.end(), node.name) == names.end()) names.push_back(node.name);
  }
  // Transforms block as well, if their policy says so.
  for (SourceIndex s = 0; s < graph_->sources.size(); ++s) {
    if (graph_->sources[s].name == name) return group_of(s);
    names.push_back(graph_->sources[s].name);
  }
  for (uint16_t g = 0; g < graph_->groups.size(); ++g) {
    if (graph_->groups[g].name == name) return g;
  }
  const std::string closest = ClosestMatch(name, names);
  return absl::InvalidArgumentError(absl::StrCat("there is no aggregate or source \"", Printable(name), "\"; ",
                                                 closest.empty() ? "" : absl::StrCat("did you mean ", closest, "? "),
                                                 "There are: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<uint16_t> Shown::FindOnlyGroup(const std::string& name) const {
  std::vector<std::string> names;
  for (uint16_t g = 0; g < graph_->groups.size(); ++g) {
    if (graph_->groups[g].name == name) return g;
    names.push_back(graph_->groups[g].name);
  }
  if (name.empty() && names.size() == 1) return uint16_t{0};
  return absl::InvalidArgumentError(
      name.empty()
          ? absl::StrCat("the application has several task groups; name one with --group: ", absl::StrJoin(names, ", "))
          : absl::StrCat("there is no task group \"", Printable(name), "\"; there are: ", absl::StrJoin(names, ", ")));
}

std::string Shown::NameOfGroup(uint16_t group) const {
  const std::vector<SourceIndex>& sources = graph_->groups[group].sources;
  std::vector<std::string> names;
  for (const HandlerSpec& handler : graph_->handlers) {
    const NodeSpec& node = graph_->nodes[handler.node];
    const bool is_here = std::find(sources.begin(), sources.end(), handler.source) != sources.end();
    if (!is_here || node.kind != NodeKind::kAggregate) continue;
    if (std::find(names.begin(), names.end(), node.name) == names.end()) names.push_back(node.name);
  }
  return names.empty() ? graph_->sources[sources.front()].name : absl::StrJoin(names, ",");
}

std::string Shown::KeyText(uint16_t group, std::string_view key) const {
  const SourceSpec& lead = graph_->sources[graph_->groups[group].sources.front()];
  return lead.key_to_text ? lead.key_to_text(key) : Printable(key, key.size());
}

absl::StatusOr<std::string> Shown::KeyBytes(uint16_t group, const std::string& text) const {
  const SourceSpec& lead = graph_->sources[graph_->groups[group].sources.front()];
  absl::StatusOr<std::string> bytes =
      lead.text_to_key ? lead.text_to_key(text) : absl::UnimplementedError("keys of this source have no text");
  if (bytes.ok()) return bytes;
  return absl::InvalidArgumentError(absl::StrCat("\"", Printable(text), "\" is no key of ", NameOfGroup(group),
                                                 ", whose keys are ", lead.key_type, ": ",
                                                 std::string(bytes.status().message())));
}

std::string Shown::TypeOf(const SourceSpec& source, OptionalBytes ce_type) const {
  if (ce_type.has_value() && !ce_type->empty()) return std::string(*ce_type);
  if (!source.default_type.empty()) return source.default_type;
  // As the dispatcher has it: the only type there is, whatever names it goes by.
  std::vector<std::pair<std::string, std::vector<size_t>>> types;
  for (size_t h = 0; h < graph_->handlers.size(); ++h) {
    const HandlerSpec& handler = graph_->handlers[h];
    if (handler.source != IndexOf(source) || handler.match != HandlerMatch::kType) continue;
    for (const std::string& type : handler.event_types) {
      auto known = std::find_if(types.begin(), types.end(), [&](const auto& each) { return each.first == type; });
      if (known == types.end()) known = types.insert(types.end(), {type, {}});
      known->second.push_back(h);
    }
  }
  const bool is_one = !types.empty() && std::all_of(types.begin(), types.end(), [&](const auto& each) {
    return each.second == types.front().second;
  });
  return is_one ? types.front().first : "";
}

const JsonForm* Shown::FormOf(const SourceSpec& source, const std::string& type) const {
  for (const HandlerSpec& handler : graph_->handlers) {
    if (handler.source != IndexOf(source) || handler.match != HandlerMatch::kType) continue;
    const std::vector<std::string>& types = handler.event_types;
    if (std::find(types.begin(), types.end(), type) != types.end()) return &handler.value_json;
  }
  return nullptr;
}

Cell Shown::Value(const SourceSpec* source, const std::string& type, OptionalBytes value, OptionalBytes kept) const {
  if (!value.has_value()) return {Json(), "(none)"};
  absl::StatusOr<std::string> whole;
  if (IsKeptForm(value, kept) && graph_->large_values != nullptr) {
    whole = FetchValue(graph_->large_values.get(), *kept);
    if (!whole.ok()) return {Json(), PlainText(absl::StrCat("(in the blob store: ", whole.status().ToString(), ")"))};
    value = *whole;
  }
  const JsonForm* const form = source == nullptr ? nullptr : FormOf(*source, type);
  if (form != nullptr && form->of_bytes) {
    const absl::StatusOr<std::string> json = form->of_bytes(*value);
    if (json.ok()) return {Json::Verbatim(*json), PrettyJson(*json)};
  }
  return RawValue(*value);
}

Cell RawValue(std::string_view bytes) {
  if (IsReadable(bytes)) return {Json::Object().Set("text", bytes), std::string(bytes)};
  const std::string base64 = Base64(bytes);
  return {Json::Object().Set("base64", base64), absl::StrCat("(base64) ", base64)};
}

Json HeadersJson(const std::vector<std::pair<std::string, OptionalBytes>>& headers) {
  Json object = Json::Object();
  for (size_t i = 0; i < headers.size(); ++i) {
    const auto is_same = [&](const auto& later) { return later.first == headers[i].first; };
    // An object has each name once.
    if (std::any_of(headers.begin() + static_cast<std::ptrdiff_t>(i) + 1, headers.end(), is_same)) continue;
    const OptionalBytes& value = headers[i].second;
    object.Set(PlainText(headers[i].first), value.has_value() ? Json(*value) : Json());
  }
  return object;
}

absl::StatusOr<TopicPartitionOffset> ParseOrigin(const std::string& text) {
  const size_t last = text.rfind('-');
  const size_t middle = last == std::string::npos || last == 0 ? std::string::npos : text.rfind('-', last - 1);
  int32_t partition = -1;
  int64_t offset = -1;
  if (middle == std::string::npos || middle == 0 || !absl::SimpleAtoi(text.substr(last + 1), &offset) ||
      !absl::SimpleAtoi(text.substr(middle + 1, last - middle - 1), &partition) || partition < 0 || offset < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Printable(text),
                     "\" is no place of an event; write TOPIC-PARTITION-OFFSET, as dead letters"
                     " say it in once.origin"));
  }
  return TopicPartitionOffset{{text.substr(0, middle), Partition(partition)}, Offset(offset)};
}

std::string ShellQuoted(std::string_view word) {
  const auto is_plain = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("-_./:,@+").find(c) != std::string::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
  const bool has_lines = word.find_first_of("\n\t") != std::string_view::npos;
  if (IsReadable(word) && !has_lines)
    return absl::StrCat("'", absl::StrReplaceAll(ToAbsl(word), {{"'", "'\\''"}}), "'");
  std::string quoted = "$'";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      absl::StrAppend(&quoted, "\\", std::string(1, c));
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppend(&quoted, "\\x", absl::Hex(byte, absl::kZeroPad2));
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "'";
}

std::string PrettyJson(const std::string& json) {
  std::string out;
  int depth = 0;
  bool in_text = false;
  const auto break_line = [&] { absl::StrAppend(&out, "\n", std::string(static_cast<size_t>(2 * depth), ' ')); };
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      out.push_back(c);
      if (c == '\\' && i + 1 < json.size()) out.push_back(json[++i]);
      in_text = c != '"';
    } else if (c == '{' || c == '[') {
      out.push_back(c);
      const bool is_empty = i + 1 < json.size() && (json[i + 1] == '}' || json[i + 1] == ']');
      if (is_empty) {
        out.push_back(json[++i]);
      } else {
        ++depth;
        break_line();
      }
    } else if (c == '}' || c == ']') {
      --depth;
      break_line();
      out.push_back(c);
    } else if (c == ',') {
      out.push_back(c);
      break_line();
    } else if (c == ':') {
      out += ": ";
    } else if (c == '"') {
      in_text = true;
      out.push_back(c);
    } else if (c != ' ' && c != '\n') {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace once::cli
