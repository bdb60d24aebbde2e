// What a command has to show, once: tables and lines for people, JSON for scripts.
//
//   Output out;
//   out.Add("blocked", "blocked aggregates", 17);
//   Table& table = out.AddTable("parked", {{"key", "KEY"}, {"waiting", "WAITING", Align::kRight}}, "nothing is
//   blocked"); table.AddRow({"alice", 3}); out.ToText();     // "blocked aggregates:  17\n\nKEY    WAITING\nalice 3\n"
//   out.ToJson();     // {"blocked":17,"parked":[{"key":"alice","waiting":3}]}
#ifndef ONCE_PROCESSOR_CLI_OUTPUT_H_
#define ONCE_PROCESSOR_CLI_OUTPUT_H_

#include <concepts>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "processor/cli/json.h"

namespace once::cli {

// One value: what scripts are given, and what people read, which is the plain form unless said otherwise.
struct Cell {
  template <typename T>
  requires std::constructible_from<Json, T> Cell(T&& value) : json(std::forward<T>(value)), text(json.ToPlainText()) {}
  Cell(Json value, std::string shown) : json(std::move(value)), text(std::move(shown)) {}
  Json json;
  std::string text;
};

enum class Align { kLeft, kRight };

struct Column {
  std::string name = {};   // Of the member in JSON; empty: people alone see it.
  std::string title = {};  // Of the column; empty: scripts alone see it.
  Align align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as there are columns.
  void AddRow(std::vector<Cell> cells);
  size_t size() const { return rows_.size(); }
  std::string ToText() const;
  Json ToJson() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Not thread-safe. What it is given of others may hold any bytes: control characters come out escaped.
class Output {
 public:
  // A value by its name in JSON and its title for people (empty: scripts alone see it).
  void Add(std::string name, std::string title, Cell value);
  // `if_empty` stands for a table without rows. Valid until the output is destroyed.
  Table& AddTable(std::string name, std::vector<Column> columns, std::string if_empty);
  // Lines for people alone, as they are.
  void AddText(std::string text);
  // What is to be known beside it: the last lines for people, the member "notes" in JSON.
  void AddNote(std::string note);
  // The whole output is this text, whatever form is asked for: a script, a graph in another language.
  void SetVerbatim(std::string text) { verbatim_ = std::move(text); }

  std::string ToText() const;  // Ends with a line break unless it is empty.
  std::string ToJson() const;  // One object, on one line, with its line break.

 private:
  struct Value {
    std::string name;
    std::string title;
    Cell cell;
  };
  struct Rows {
    std::string name;
    std::string if_empty;
    Table table;
  };
  using Part = std::variant<Value, Rows, std::string>;

  std::deque<Part> parts_;  // Its elements stay where they are.
  std::vector<std::string> notes_;
  std::optional<std::string> verbatim_;
};

// "2026-03-05T07:08:09Z"; empty for the infinite ones.
std::string FormatMoment(absl::Time time);
// The two largest units: "3d4h", "12m30s", "250ms"; "0s" of what is negative.
std::string FormatAge(absl::Duration age);
// "1 event", "2 events".
std::string Count(int64_t number, const std::string& noun);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_OUTPUT_H_
