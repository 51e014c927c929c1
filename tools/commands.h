// The subcommands of `gradus`. Each function adds one to the application; its callback runs while the command line is
// parsed, throws gradus::Error on bad use, and sets *status where success is not the only other outcome.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace gradus::tools {

// `arguments` are the words after the program's name: the op's name among them decides which options there are.
void add_op_command(CLI::App& app, const std::vector<std::string>& arguments);
void add_ops_command(CLI::App& app);
void add_check_command(CLI::App& app, int* status);
void add_devices_command(CLI::App& app);

}  // namespace gradus::tools
