#include "processor/http/page/page.h"

#include <algorithm>
#include <string>

namespace once::http {

namespace {

constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

// Whether the list of a header names it. Weights are passed over: nobody says gzip;q=0.
bool Names(std::string_view list, std::string_view word) { return list.find(word) != std::string_view::npos; }

}  // namespace

const PageFile* FindPageFile(std::string_view path) {
  const std::span<const PageFile> files = PageFiles();
  const auto found = std::find_if(files.begin(), files.end(), [&](const PageFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

Response PageResponse(const PageFile& file, const Request& request) {
  Response response{.content_type = std::string(file.content_type)};
  // Kept, and asked for each time whether it is still so: another version's pod has other files.
  response.headers = {{"Cache-Control", "no-cache"},
                      {"ETag", std::string(file.etag)},
                      {"Vary", "Accept-Encoding"},
                      {"Content-Security-Policy", kPolicy},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"X-Frame-Options", "DENY"}};
  if (Names(request.if_none_match, file.etag)) {
    response.status = 304;
    return response;
  }
  const bool is_packed = Names(request.accept_encoding, "gzip");
  if (is_packed) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = std::string(is_packed ? file.gzipped : file.text);
  return response;
}

}  // namespace once::http
