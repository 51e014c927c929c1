// What a program owes to the streams it was started with: results that do not arrive are an error, whatever was computed.
// Standard library only.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>

namespace example {

// First thing in main(). A file opened while descriptor 1 is closed (`program >&-`) would become the standard output, and
// the text would go into it: closed ones are held by /dev/null, opened the wrong way round, so that using them still fails.
inline void hold_standard_streams() {
  for (const int descriptor : {0, 1, 2}) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    if (::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor) std::_Exit(2);
  }
}

class OutputLost : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws OutputLost "cannot write to standard output: No space left on device" when something that was printed has
// not arrived. After every result of a long run, and last thing in a program.
inline void check_standard_output() {
  errno = 0;
  const bool printed = static_cast<bool>(std::cout.flush());
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && printed) return;
  const std::string reason = errno != 0 ? std::string(": ") + std::strerror(errno) : std::string();
  throw OutputLost("cannot write to standard output" + reason);
}

// One line on stderr, "PROGRAM: TEXT", whatever the text holds.
inline void print_error(const std::string& program, std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  std::fprintf(stderr, "%s: %s\n", program.c_str(), text.c_str());
}

}  // namespace example
