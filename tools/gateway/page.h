// A page to try the gateway with, all in one: it loads nothing from anywhere.
#ifndef ONCE_TOOLS_GATEWAY_PAGE_H_
#define ONCE_TOOLS_GATEWAY_PAGE_H_

#include "processor/http/message.h"

namespace once::gateway {

http::Response PageResponse();

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_PAGE_H_
