#include "processor/cli/output.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "processor/base/strings.h"

namespace once::cli {

namespace {

constexpr size_t kGap = 2;

// Columns that a text takes: bytes that go on a UTF-8 sequence take none.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

std::string WithoutTrailingBlanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

void Table::AddRow(std::vector<Cell> cells) {
  // A table cell is one line.
  for (Cell& cell : cells) cell.text = OneLine(cell.text);
  rows_.push_back(std::move(cells));
}

std::string Table::ToText() const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = WidthOf(columns_[i].title);
    for (const std::vector<Cell>& row : rows_) width = std::max(width, WidthOf(row[i].text));
    widths.push_back(width);
  }
  std::string text;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].title.empty()) continue;
      const std::string& cell = cell_of(i);
      const std::string blanks(widths[i] - WidthOf(cell), ' ');
      absl::StrAppend(&line, columns_[i].align == Align::kRight ? blanks + cell : cell + blanks,
                      std::string(kGap, ' '));
    }
    absl::StrAppend(&text, WithoutTrailingBlanks(std::move(line)), "\n");
  };
  add_line([&](size_t i) -> const std::string& { return columns_[i].title; });
  for (const std::vector<Cell>& row : rows_) add_line([&](size_t i) -> const std::string& { return row[i].text; });
  return text;
}

Json Table::ToJson() const {
  Json array = Json::Array();
  for (const std::vector<Cell>& row : rows_) {
    Json object = Json::Object();
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].name.empty()) object.Set(columns_[i].name, row[i].json);
    }
    array.Append(std::move(object));
  }
  return array;
}

void Output::Add(std::string name, std::string title, Cell value) {
  value.text = PlainText(value.text);
  parts_.push_back(Value{std::move(name), std::move(title), std::move(value)});
}

Table& Output::AddTable(std::string name, std::vector<Column> columns, std::string if_empty) {
  parts_.push_back(Rows{std::move(name), std::move(if_empty), Table(std::move(columns))});
  return std::get<Rows>(parts_.back()).table;
}

void Output::AddText(std::string text) { parts_.push_back(std::move(text)); }

void Output::AddNote(std::string note) { notes_.push_back(std::move(note)); }

std::string Output::ToText() const {
  if (verbatim_.has_value()) return *verbatim_;
  size_t width = 0;
  for (const Part& part : parts_) {
    if (const auto* value = std::get_if<Value>(&part)) width = std::max(width, WidthOf(value->title));
  }
  std::string text;
  bool was_value = false;
  for (const Part& part : parts_) {
    if (const auto* value = std::get_if<Value>(&part)) {
      if (value->title.empty()) continue;
      if (!text.empty() && !was_value) absl::StrAppend(&text, "\n");
      was_value = true;
      const size_t indent = width + 1 + kGap;
      // Further lines stand below the first.
      absl::StrAppend(&text,
                      WithoutTrailingBlanks(absl::StrCat(
                          value->title, ":", std::string(indent - 1 - WidthOf(value->title), ' '),
                          absl::StrReplaceAll(value->cell.text, {{"\n", "\n" + std::string(indent, ' ')}}))),
                      "\n");
      continue;
    }
    if (!text.empty()) absl::StrAppend(&text, "\n");
    was_value = false;
    if (const auto* rows = std::get_if<Rows>(&part)) {
      absl::StrAppend(&text, rows->table.size() == 0 ? rows->if_empty + "\n" : rows->table.ToText());
    } else {
      absl::StrAppend(&text, std::get<std::string>(part));
    }
  }
  if (!notes_.empty() && !text.empty()) absl::StrAppend(&text, "\n");
  for (const std::string& note : notes_) absl::StrAppend(&text, PlainText(note), "\n");
  return text;
}

std::string Output::ToJson() const {
  if (verbatim_.has_value()) return *verbatim_;
  Json object = Json::Object();
  for (const Part& part : parts_) {
    if (const auto* value = std::get_if<Value>(&part)) {
      if (!value->name.empty()) object.Set(value->name, value->cell.json);
    } else if (const auto* rows = std::get_if<Rows>(&part)) {
      object.Set(rows->name, rows->table.ToJson());
    }
  }
  if (!notes_.empty()) {
    Json notes = Json::Array();
    for (const std::string& note : notes_) notes.Append(note);
    object.Set("notes", std::move(notes));
  }
  return absl::StrCat(object.ToString(), "\n");
}

std::string FormatMoment(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string FormatAge(absl::Duration age) {
  if (age < absl::Seconds(1)) return absl::StrCat(std::max<int64_t>(absl::ToInt64Milliseconds(age), 0), "ms");
  struct Unit {
    const char* name;
    int64_t seconds;
  };
  static constexpr Unit kUnits[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
  int64_t left = absl::ToInt64Seconds(age);
  std::string text;
  int units = 0;
  for (const Unit& unit : kUnits) {
    if (units == 2) break;
    const int64_t number = left / unit.seconds;
    left %= unit.seconds;
    if (number == 0 && units == 0) continue;
    ++units;
    if (number > 0) absl::StrAppend(&text, number, unit.name);
  }
  return text;
}

std::string Count(int64_t number, const std::string& noun) {
  return absl::StrCat(number, " ", noun, number == 1 ? "" : "s");
}

}  // namespace once::cli
