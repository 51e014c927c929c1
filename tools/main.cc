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

#include "gradus/core/error.h"
#include "gradus/version.h"
#include "tools/commands.h"

namespace {

using gradus::Code;
using gradus::Error;

// Whatever the text holds, the report stays on one line.
int fail(const Error& error) {
  std::string text = error.full_text();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  std::fprintf(stderr, "gradus: %s\n", text.c_str());
  return 2;
}

// CLI11's own text would list every word after it too.
void refuse_unknown_subcommand(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0].substr(0, 1) == "-") return;
  std::string names;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (subcommand->get_name() == arguments[0]) return;
    names += (names.empty() ? "" : ", ") + subcommand->get_name();
  }
  throw gradus::invalid_argument("no subcommand '" + arguments[0] + "'; the subcommands are " + names);
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
    refuse_unknown_subcommand(app, arguments);
    throw gradus::invalid_argument(error.what());
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw Error(Code::kResourceExhausted, "cannot write to standard output");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
  } catch (const Error& error) {
    return fail(error);
  } catch (const std::bad_alloc&) {
    return fail(Error(Code::kResourceExhausted, "out of memory"));
  } catch (const std::exception& error) {
    return fail(gradus::internal_error(error.what()));
  }
}
