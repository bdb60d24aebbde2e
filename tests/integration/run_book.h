// A run-book of docs/operations.md, as somebody on call reads it: how it shows, and what to type, in order.
//
//   ### A stuck aggregate
//   - Log: `events that failed for good ... customer`       a line has these pieces, in order
//   - Metric: `once_blocked_aggregates`                     some series of it is above 0
//   ```sh
//   order_totals parked list                               is typed at a shell, and ends with exit code 0
//   # expected: alice ... INTERNAL                         its output has these pieces, in order
//   # expected, after a moment: nothing is blocked         likewise, when the command is typed again and again
//   # stop all instances                                   a deed of somebody's, not of the command line's
//   ```
#ifndef ONCE_TESTS_INTEGRATION_RUN_BOOK_H_
#define ONCE_TESTS_INTEGRATION_RUN_BOOK_H_

#include <string>
#include <string_view>
#include <vector>

namespace once {

struct RunBook {
  struct Step {
    std::string text = {};  // A line for a shell; or what is to be done.
    bool is_deed = false;
    std::vector<std::string> expected = {};
    bool is_awaited = false;  // That of its output.
  };

  std::string title = {};
  std::vector<std::string> log_lines = {};
  std::vector<std::string> metrics = {};
  std::vector<Step> steps = {};
};

// The sections below "## Run-books", in order.
std::vector<RunBook> ReadRunBooks(const std::string& path);

// Whether the pieces of `pattern`, which " ... " parts, are in `text` in their order; runs of blanks count as one.
bool HasPieces(std::string_view text, std::string_view pattern);
// Whether one line of `text` does.
bool HasLine(std::string_view text, std::string_view pattern);

}  // namespace once

#endif  // ONCE_TESTS_INTEGRATION_RUN_BOOK_H_
