#include "examples/order_totals/verifier_report.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace orders::verifier {

Check::Check(std::string check_name, std::vector<std::string> kind_names, int shown)
    : name(std::move(check_name)), max_shown(shown) {
  for (std::string& kind : kind_names) kinds.push_back({std::move(kind), 0, {}});
}

void Check::Add(std::string_view kind, Difference difference) {
  for (Kind& candidate : kinds) {
    if (candidate.name != kind) continue;
    ++candidate.count;
    if (candidate.shown.size() < static_cast<size_t>(max_shown)) candidate.shown.push_back(std::move(difference));
    return;
  }
  // A kind that nobody announced must not get lost.
  kinds.push_back({std::string(kind), 1, {std::move(difference)}});
}

int64_t Check::CountOf(std::string_view kind) const {
  for (const Kind& candidate : kinds) {
    if (candidate.name == kind) return candidate.count;
  }
  return 0;
}

int64_t Check::differences() const {
  int64_t sum = 0;
  for (const Kind& kind : kinds) sum += kind.count;
  return sum;
}

int64_t Report::differences() const {
  int64_t sum = 0;
  for (const Check& check : checks) sum += check.differences();
  return sum;
}

const Check* Report::Find(std::string_view name) const {
  for (const Check& check : checks) {
    if (check.name == name) return &check;
  }
  return nullptr;
}

namespace {

std::vector<std::pair<std::string, int64_t>> InputRows(const InputCounts& input) {
  std::vector<std::pair<std::string, int64_t>> rows = {{"input records", input.records}, {"unique", input.unique},
                                                       {"duplicates", input.duplicates}, {"processed", input.processed},
                                                       {"failed", input.failed},         {"blocked", input.blocked},
                                                       {"rejected", input.rejected}};
  // Runs without an operator have none of these.
  for (const auto& [name, count] :
       std::vector<std::pair<std::string, int64_t>>{{"skipped", input.skipped},
                                                    {"discarded", input.discarded},
                                                    {"never processed", input.never_processed},
                                                    {"replaced", input.replaced},
                                                    {"released", input.released},
                                                    {"letters sent back", input.letters_sent_back}}) {
    if (count > 0) rows.emplace_back(name, count);
  }
  return rows;
}

void AppendShown(const Check& check, std::string& out) {
  for (const Check::Kind& kind : check.kinds) {
    for (const Difference& difference : kind.shown) {
      absl::StrAppend(&out, check.name, ", ", kind.name, ": ", difference.where, " key ", difference.key,
                      "\n    expected ", difference.expected, "\n    found    ", difference.found, "\n");
    }
    const int64_t rest = kind.count - static_cast<int64_t>(kind.shown.size());
    if (rest > 0) absl::StrAppend(&out, check.name, ", ", kind.name, ": ", rest, " more\n");
  }
}

}  // namespace

std::string ToTable(const Report& report) {
  std::string out;
  const std::vector<std::pair<std::string, int64_t>> rows = InputRows(report.input);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string& name = rows[i].first;
    absl::StrAppendFormat(&out, "%-34s %12d\n", i == 0 ? name : absl::StrCat("  ", name), rows[i].second);
  }
  absl::StrAppendFormat(&out, "\n%-21s %12s %12s %12s\n", "check", "expected", "found", "differences");
  for (const Check& check : report.checks) {
    absl::StrAppendFormat(&out, "%-21s %12d %12d %12d\n", check.name, check.expected, check.found, check.differences());
    for (const Check::Kind& kind : check.kinds) {
      absl::StrAppendFormat(&out, "  %-45s %12d\n", kind.name, kind.count);
    }
  }
  out.append("\n");
  for (const Check& check : report.checks) AppendShown(check, out);
  absl::StrAppend(&out, "differences=", report.differences(), "\n");
  return out;
}

std::string ToJson(const Report& report) {
  nlohmann::ordered_json root;
  for (const auto& [name, count] : InputRows(report.input)) {
    root["input"][name == "input records" ? "records" : name] = count;
  }
  root["checks"] = nlohmann::ordered_json::array();
  for (const Check& check : report.checks) {
    nlohmann::ordered_json row = {{"check", check.name},
                                  {"expected", check.expected},
                                  {"found", check.found},
                                  {"differences", check.differences()}};
    for (const Check::Kind& kind : check.kinds) {
      nlohmann::ordered_json shown = nlohmann::ordered_json::array();
      for (const Difference& d : kind.shown) {
        shown.push_back({{"where", d.where}, {"key", d.key}, {"expected", d.expected}, {"found", d.found}});
      }
      row["kinds"][kind.name] = {{"count", kind.count}, {"shown", shown}};
    }
    root["checks"].push_back(row);
  }
  root["differences"] = report.differences();
  // Texts are escaped where they are made; what is left must not throw.
  return root.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace orders::verifier
