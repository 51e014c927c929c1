// The `gradus` command: runs ops on .npy files, lists and documents them, checks gradients, shows devices.
// Exit status: 0 success; 1 a gradient check failed; 2 anything else, with one line `gradus: <Code>: <text>` on stderr.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "examples/common/standard_streams.h"
#include "gradus/core/error.h"
#include "gradus/version.h"
#include "tools/commands.h"
#include "tools/usage_errors.h"

namespace {

using gradus::Code;
using gradus::Error;

int fail(const Error& error) {
  example::print_error("gradus", error.full_text());
  return 2;
}

int run(const std::vector<std::string>& arguments) {
  CLI::App app("Gradus: runs ops on .npy files, lists and documents them, checks their gradients.", "gradus");
  app.set_version_flag("--version", std::string("gradus ") + gradus::version());
  app.require_subcommand(0, 1);
  int status = 0;
  gradus::tools::add_op_command(app, arguments);
  gradus::tools::add_ops_command(app);
  gradus::tools::add_check_command(app, &status);
  gradus::tools::add_devices_command(app);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    if (app.get_subcommands().empty()) {
      throw gradus::invalid_argument(
          "a subcommand is needed: op, ops, check or devices; `gradus --help` explains them");
    }
  } catch (const CLI::Success& success) {  // --help, --version
    std::ostringstream out;
    app.exit(success, out, out);
    std::fputs(out.str().c_str(), stdout);
  } catch (const CLI::ParseError& error) {
    throw gradus::invalid_argument(gradus::tools::usage_error_text(app, arguments, error));
  }
  example::check_standard_output();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  example::hold_standard_streams();
  try {
    return run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
  } catch (const Error& error) {
    return fail(error);
  } catch (const example::OutputLost& lost) {
    return fail(Error(Code::kResourceExhausted, lost.what()));
  } catch (const std::bad_alloc&) {
    return fail(Error(Code::kResourceExhausted, "out of memory"));
  } catch (const std::exception& error) {
    return fail(gradus::internal_error(error.what()));
  }
}
