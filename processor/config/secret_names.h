// X10: which options and properties hold what nobody is to see.
#ifndef ONCE_PROCESSOR_CONFIG_SECRET_NAMES_H_
#define ONCE_PROCESSOR_CONFIG_SECRET_NAMES_H_

#include <string_view>

namespace once {

// Whether nobody is to see the value of an option or property of that name: passwords, secrets, keys. A guess, by what
// such names have in them.
bool LooksSecret(std::string_view name);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_SECRET_NAMES_H_
