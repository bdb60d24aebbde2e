// What a process was started without (`>&-`, some supervisors) is not left to the next file that is opened.
#include "processor/app/standard_files.h"

#include <fcntl.h>
#include <unistd.h>

namespace once {

void OpenStandardFiles() {
  int descriptor = 0;
  // The lowest that is free is taken each time.
  do descriptor = open("/dev/null", O_RDWR);
  while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor > STDERR_FILENO) close(descriptor);
}

}  // namespace once
