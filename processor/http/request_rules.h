// What is refused of requests whatever they ask for, so that no page of another site asks in a user's name.
#ifndef ONCE_PROCESSOR_HTTP_REQUEST_RULES_H_
#define ONCE_PROCESSOR_HTTP_REQUEST_RULES_H_

#include <string_view>

namespace once::http {

// Whether a Host header names this machine by an address, or as "localhost", and not by a name that others may give it.
bool IsAddress(std::string_view host);

// Whether a browser says that a page of another site asks, by the headers Origin and Sec-Fetch-Site; each may be empty,
// as with clients that are no browsers. `host` is the Host header's value.
bool IsOfOtherSite(std::string_view origin, std::string_view fetch_site, std::string_view host);

// Whether a Content-Type is JSON's, whatever its parameters are. A form of another site's page cannot send that.
bool IsJson(std::string_view content_type);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_REQUEST_RULES_H_
