// Reads a file of settings as Java does: client.properties.
//
//   security.protocol = SASL_SSL
//   sasl.username: orders
//   ssl.ca.location /etc/kafka/ca.pem
#ifndef ONCE_PROCESSOR_CONFIG_JAVA_PROPERTIES_H_
#define ONCE_PROCESSOR_CONFIG_JAVA_PROPERTIES_H_

#include <string_view>

#include "processor/config/properties_file.h"

namespace once {

// As java.util.Properties.load: comments begin with # or !; a key ends at the first '=', ':' or blank without a
// backslash before it; a line whose end has an odd number of backslashes goes on in the next one; \t, \n, \r, \f and
// \uXXXX are what they are in Java; bytes are Latin-1. Values come as UTF-8, without blanks at their end, which Kafka's
// clients drop as well. Unlike in Java a key that comes twice is a mistake. `name` is for messages.
PropertiesFile ParseJavaProperties(std::string_view name, std::string_view text);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_JAVA_PROPERTIES_H_
