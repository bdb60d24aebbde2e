// docs/operations.md against the commands that there are: each is named there, and what it shows can be typed.
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "processor/cli/command_line.h"
#include "processor/cli/commands.h"

namespace once::cli {
namespace {

std::vector<std::string> Lines() {
  std::ifstream file("docs/operations.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The words of a shell's line, with quotes of either kind, to the comment or the end of the command.
std::vector<std::string> WordsOf(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  char quote = '\0';
  bool has_word = false;
  for (const char c : line) {
    const bool in_quotes = quote != '\0';
    if (!in_quotes && !has_word && (c == '#' || c == '|' || c == '<' || c == '>')) break;
    if (in_quotes ? c == quote : (c == '\'' || c == '"')) {
      quote = in_quotes ? '\0' : c;
      has_word = true;
    } else if (c == ' ' && !in_quotes) {
      if (has_word) words.push_back(word);
      word.clear();
      has_word = false;
    } else {
      word.push_back(c);
      has_word = true;
    }
  }
  if (has_word) words.push_back(word);
  return words;
}

TEST(OperationsDocsTest, EachCommandIsThere) {
  std::string text;
  for (const std::string& line : Lines()) text += line + "\n";
  ASSERT_FALSE(text.empty());
  const Registry registry = AllCommands();
  for (const CommandSpec& command : registry.commands()) {
    EXPECT_TRUE(absl::StrContains(text, "`" + command.path)) << command.path << " is not in docs/operations.md";
  }
}

TEST(OperationsDocsTest, WhatIsShownCanBeTyped) {
  const Registry registry = AllCommands();
  bool in_code = false;
  int commands = 0, runs = 0;
  for (const std::string& line : Lines()) {
    if (absl::StartsWith(line, "```")) in_code = !in_code;
    if (!in_code || !absl::StartsWith(line, "order_totals")) continue;
    std::vector<std::string> words = WordsOf(line);
    words.erase(words.begin());
    const CommandLine read = CommandLine::Read(words, registry);
    // What names no command, such as a misspelt one behind flags, is taken for `run` as well.
    if (read.is_run()) {
      EXPECT_TRUE(words.empty()) << line;
      ++runs;
    } else {
      EXPECT_TRUE(read.Check().ok()) << line << "\n" << read.Check();
    }
    ++commands;
  }
  EXPECT_EQ(runs, 1);
  EXPECT_GE(commands, 5);
}

TEST(OperationsDocsTest, ExamplesOfHelpCanBeTyped) {
  const Registry registry = AllCommands();
  for (const CommandSpec& command : registry.commands()) {
    for (const std::string& example : command.examples) {
      const CommandLine read = CommandLine::Read(WordsOf(example), registry);
      EXPECT_TRUE(read.Check().ok()) << example << "\n" << read.Check();
      EXPECT_EQ(read.command(), &*registry.Find(command.path)) << example;
    }
  }
}

}  // namespace
}  // namespace once::cli
