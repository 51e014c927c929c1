// What every example does around its own work: --help, a refusal of words that it does not know, one clear line on any error,
// and an exit status that tells when the output did not arrive. Headers only: an example compiles as one file.
#pragma once

#include <exception>
#include <functional>
#include <new>
#include <string>

#include <gradus/core/error.h>

#include "options.h"
#include "standard_streams.h"

namespace example {

// Reads the command line and calls `body`, which returns the exit status. Status 2, and one line "PROGRAM: CODE: TEXT" on stderr,
// when the command line is wrong, an exception leaves `body`, or standard output does not take what was printed.
inline int run(int argc, char** argv, const std::string& program, Options options, const std::function<int()>& body) {
  hold_standard_streams();
  const auto fail = [&](const std::string& text) {
    print_error(program, text);
    return 2;
  };
  try {
    const int status = options.parse(argc, argv) ? body() : 0;
    check_standard_output();
    return status;
  } catch (const UsageError& error) {
    return fail(std::string("InvalidArgument: ") + error.what() + " (see --help)");
  } catch (const gradus::Error& error) {
    return fail(error.full_text());
  } catch (const OutputLost& error) {
    return fail(std::string("ResourceExhausted: ") + error.what());
  } catch (const std::bad_alloc&) {
    return fail("ResourceExhausted: out of memory");
  } catch (const std::exception& error) {
    return fail(std::string("Internal: ") + error.what());
  }
}

// For programs without options.
inline int run(int argc, char** argv, const std::string& program, const std::string& description,
               const std::function<int()>& body) {
  return run(argc, argv, program, Options(program, description), body);
}

}  // namespace example
