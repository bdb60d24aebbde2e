// The page at "/", which shows the application: files that are built into the program.
#ifndef ONCE_PROCESSOR_HTTP_PAGE_PAGE_H_
#define ONCE_PROCESSOR_HTTP_PAGE_PAGE_H_

#include <span>
#include <string_view>

#include "processor/http/message.h"

namespace once::http {

struct PageFile {
  std::string_view path;  // "/" or "/NAME".
  std::string_view content_type;
  std::string_view etag;  // With its quotes.
  std::string_view text;
  std::string_view gzipped;
};

// All of them. Written by embed.py.
std::span<const PageFile> PageFiles();

// Null: there is none of that path.
const PageFile* FindPageFile(std::string_view path);

// The answer to a GET or HEAD. It shows nothing of the application, so anybody may have it. What browsers are told with
// it lets the page load and ask nothing but what its own pod serves, run no script but its files, and stand in no
// frame.
Response PageResponse(const PageFile& file, const Request& request);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_PAGE_PAGE_H_
