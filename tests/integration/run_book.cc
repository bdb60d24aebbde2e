#include "tests/integration/run_book.h"

#include <fstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "processor/base/strings.h"

namespace once {

namespace {

bool TakePrefix(std::string_view prefix, std::string_view* text) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// What stands between backquotes.
std::vector<std::string> CodeSpans(const std::string& line) {
  const std::vector<std::string> parts = absl::StrSplit(line, '`');
  std::vector<std::string> spans;
  for (size_t i = 1; i < parts.size(); i += 2) spans.push_back(parts[i]);
  return spans;
}

void AddLineOfShell(const std::string& line, RunBook* book) {
  std::string_view text = line;
  if (text.empty()) return;
  if (!TakePrefix("# ", &text)) {
    book->steps.push_back({.text = std::string(text)});
    return;
  }
  const bool is_awaited = TakePrefix("expected, after a moment: ", &text);
  if (!is_awaited && !TakePrefix("expected: ", &text)) {
    book->steps.push_back({.text = std::string(text), .is_deed = true});
    return;
  }
  if (book->steps.empty() || book->steps.back().is_deed) {
    ADD_FAILURE() << book->title << ": nothing was typed of which this is expected: " << line;
    return;
  }
  book->steps.back().expected.emplace_back(text);
  book->steps.back().is_awaited |= is_awaited;
}

// Texts without what only lays them out.
std::string Plain(std::string_view text) {
  return absl::StrJoin(absl::StrSplit(ToAbsl(text), absl::ByAnyChar(" \n\t"), absl::SkipEmpty()), " ");
}

}  // namespace

std::vector<RunBook> ReadRunBooks(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::vector<RunBook> books;
  bool is_below = false, in_code = false;
  for (std::string line; std::getline(file, line);) {
    std::string_view text = line;
    if (text.starts_with("```")) {
      in_code = !in_code && text == "```sh";
    } else if (in_code) {
      if (is_below && !books.empty()) AddLineOfShell(line, &books.back());
    } else if (text.starts_with("## ")) {
      is_below = text == "## Run-books";
    } else if (is_below && TakePrefix("### ", &text)) {
      books.push_back({.title = std::string(text)});
    } else if (is_below && !books.empty() && text.starts_with("- Log: ")) {
      for (std::string& span : CodeSpans(line)) books.back().log_lines.push_back(std::move(span));
    } else if (is_below && !books.empty() && text.starts_with("- Metric: ")) {
      for (std::string& span : CodeSpans(line)) books.back().metrics.push_back(std::move(span));
    }
  }
  return books;
}

bool HasPieces(std::string_view text, std::string_view pattern) {
  const std::string plain = Plain(text);
  size_t at = 0;
  for (const absl::string_view piece : absl::StrSplit(Plain(pattern), " ... ")) {
    at = plain.find(ToStd(piece), at);
    if (at == std::string::npos) return false;
    at += piece.size();
  }
  return true;
}

bool HasLine(std::string_view text, std::string_view pattern) {
  for (const absl::string_view line : absl::StrSplit(ToAbsl(text), '\n')) {
    if (HasPieces(ToStd(line), pattern)) return true;
  }
  return false;
}

}  // namespace once
