// gradus check: every op's gradients against finite differences, over its case table.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include "cases/case_runner.h"
#include "gradus/core/device.h"
#include "gradus/graph/run/session.h"
#include "gradus/io/file.h"
#include "tools/attr_text.h"
#include "tools/commands.h"
#include "tools/npy_outputs.h"
#include "tools/op_names.h"

namespace gradus::tools {
namespace {

constexpr std::int64_t kMaxOrder = 4;

struct CheckOptionsText {
  std::vector<std::string> names;
  std::string order = "2";
  std::optional<std::string> device;
  std::optional<std::string> json;
  bool verbose = false;
};

cases::CheckRequest request_of(const CheckOptionsText& texts) {
  cases::CheckRequest request;
  for (const std::string& name : texts.names) request.ops.push_back(find_op(name).name);
  std::vector<std::int64_t> order;
  if (!parse_integers(texts.order, &order) || order.size() != 1 || order[0] < 1 || order[0] > kMaxOrder) {
    throw invalid_argument(fmt::format("--order takes an integer from 1 to {}; got '{}'", kMaxOrder, texts.order));
  }
  request.order = static_cast<int>(order[0]);
  const DeviceName device = DeviceName::parse(texts.device ? *texts.device : best_device());
  backend_registry().create(device, {.num_threads = 1});  // fails once, here, and not in every case
  if (texts.device) request.device = device.to_string();
  return request;
}

int check(const CheckOptionsText& texts) {
  const cases::CheckRequest request = request_of(texts);
  if (texts.json) check_output_paths({*texts.json});  // before minutes of computing
  const std::vector<cases::OpCase>& all = cases::all_op_cases();
  std::vector<cases::CaseCheck> checks = cases::check_cases(all, request, texts.verbose ? &std::cout : nullptr);
  for (cases::CaseCheck& row : cases::ops_without_cases(all, request)) checks.push_back(std::move(row));
  if (texts.json) {
    io::AtomicFile file(*texts.json);
    file.write(cases::checks_to_json(checks));
    file.commit();
  }
  std::cout << cases::checks_to_text(checks) << std::flush;
  return cases::all_ok(checks) ? 0 : 1;
}

}  // namespace

void add_check_command(CLI::App& app, int* status) {
  CLI::App* command = app.add_subcommand(
      "check", "Compares every op's gradients with finite differences; exit status 1 when one fails");
  const auto texts = std::make_shared<CheckOptionsText>();
  command->add_option("NAME", texts->names, "check these ops only")->type_name("");
  command->add_option("--order", texts->order, "highest order of derivative (default: 2)")->type_name("N");
  command->add_option("--device", texts->device, "where to compute: cpu:0, cuda:0 or ref:0")->type_name("DEVICE");
  command->add_option("--json", texts->json, "also write the report as JSON")->type_name("FILE");
  command->add_flag("--verbose", texts->verbose, "print a line per case while it runs");
  command->callback([texts, status] { *status = check(*texts); });
}

}  // namespace gradus::tools
