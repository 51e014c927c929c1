// gradus devices: what this build and machine can run on, and what is missing for the rest.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>

#include "gradus/core/device.h"
#include "gradus/graph/op_registry.h"
#include "gradus/graph/run/session.h"
#include "tools/commands.h"

namespace gradus::tools {
namespace {

void print_line(const std::string& device, const std::string& text) {
  std::fputs(fmt::format("{:<8} {}\n", device, text).c_str(), stdout);
}

void print_devices() {
  std::string best;
  try {
    best = best_device();
  } catch (const Error&) {  // no backend at all; every line below says why
  }
  for (const auto& backend : backend_registry().all()) {
    if (backend->details) {
      for (const std::string& line : backend->details()) print_line(backend->type, line);
    }
    if (const std::string missing = backend->missing(); !missing.empty()) {
      print_line(backend->type, "not available: " + missing);
      continue;
    }
    for (const DeviceInfo& device : backend->list()) {
      const std::string name = device.name.to_string();
      print_line(name,
                 fmt::format("{}; {}{}", backend->description, device.description, name == best ? " (default)" : ""));
    }
  }
}

}  // namespace

void add_devices_command(CLI::App& app) {
  app.add_subcommand("devices", "Shows the devices there are, and what is missing for the others")
      ->callback(print_devices);
}

}  // namespace gradus::tools
