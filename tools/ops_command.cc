// gradus ops [--json]: the coverage table. gradus ops NAME: one op's page.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/commands.h"
#include "tools/op_facts.h"
#include "tools/op_names.h"

namespace gradus::tools {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> names_of(const std::vector<DType>& dtypes) {
  std::vector<std::string> names;
  for (DType d : dtypes) names.emplace_back(dtype_name(d));
  return names;
}

// "f16 f32 f64": narrow enough for a table.
std::string short_names(const std::vector<DType>& dtypes) {
  static constexpr const char* kShort[kDTypeCount] = {"f16", "bf16", "f32", "f64", "i32", "i64", "u8", "bool"};
  if (dtypes.size() == kDTypeCount) return "all";
  std::vector<std::string> names;
  for (DType d : dtypes) names.emplace_back(kShort[static_cast<std::size_t>(d)]);
  return fmt::format("{}", fmt::join(names, " "));
}

std::string gradient_text(const OpFacts& facts) {
  if (facts.has_gradient) return "yes";
  return facts.none_reason.empty() ? "missing" : "none: " + facts.none_reason;
}

// Ops without kernels say what stands in for one.
std::string kernel_text(const OpFacts& facts, const std::string& device) {
  const auto found = facts.kernels.find(device);
  if (found != facts.kernels.end()) return short_names(found->second);
  return facts.def->kind == OpKind::kCompute ? "-" : "session";
}

std::vector<const OpDef*> sorted_ops() {
  std::vector<const OpDef*> ops;
  for (const auto& op : op_registry().all()) ops.push_back(op.get());
  std::sort(ops.begin(), ops.end(), [](const OpDef* a, const OpDef* b) { return a->name < b->name; });
  return ops;
}

void print_table(const std::vector<OpFacts>& all) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> header = {"op"};
  const std::vector<std::string> devices = device_types();
  header.insert(header.end(), devices.begin(), devices.end());
  for (const char* column : {"cases", "orders", "layouts", "gradient"}) header.emplace_back(column);
  rows.push_back(header);
  for (const OpFacts& facts : all) {
    std::vector<std::string> row = {facts.def->name};
    for (const std::string& device : devices) row.push_back(kernel_text(facts, device));
    row.push_back(std::to_string(facts.cases));
    row.emplace_back(facts.max_order == 0 ? "-" : facts.max_order == 1 ? "1" : "1,2");
    row.push_back(facts.layouts.empty() ? "-" : fmt::format("{}", fmt::join(facts.layouts, ",")));
    row.push_back(gradient_text(facts));
    rows.push_back(row);
  }
  std::vector<std::size_t> widths(header.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    std::puts((line + row.back()).c_str());
  }
}

Json to_json(const OpFacts& facts) {
  Json json = {{"name", facts.def->name},
               {"summary", facts.def->summary},
               {"operands", facts.def->inputs},
               {"outputs", facts.def->outputs}};
  json["attributes"] = Json::array();
  for (const AttrInfo& attr : facts.attrs) {
    Json a = {{"name", attr.name}, {"type", attr.type}, {"default", attr.default_text}, {"doc", attr.doc}};
    if (!attr.values.empty()) a["values"] = attr.values;
    json["attributes"].push_back(a);
  }
  json["dtypes"] = Json::object();
  for (const auto& [device, dtypes] : facts.kernels) json["dtypes"][device] = names_of(dtypes);
  json["gradient"] = facts.has_gradient;
  json["no_gradient_because"] = facts.none_reason;
  json["cases"] = facts.cases;
  json["orders_checked"] = Json::array();
  for (int order = 1; order <= facts.max_order; ++order) json["orders_checked"].push_back(order);
  json["layouts"] = facts.layouts;
  json["page"] = facts.page;
  return json;
}

void print_page(const OpFacts& facts) {
  const OpDef& def = *facts.def;
  std::string text = fmt::format("{}: {}\n\n", def.name, def.summary);
  const auto list = [](const std::vector<std::string>& names) {
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
  };
  text += fmt::format("operands    {}\noutputs     {}\n", list(def.inputs), list(def.outputs));
  for (const AttrInfo& attr : facts.attrs) {
    const std::string type = attr.values.empty() ? attr.type : fmt::format("{}", fmt::join(attr.values, "|"));
    text += fmt::format("attribute   {} ({}, default {}): {}\n", attr.name, type,
                        attr.default_text.empty() ? "empty" : attr.default_text, attr.doc);
  }
  for (const auto& [device, dtypes] : facts.kernels)
    text += fmt::format("{:<11} {}\n", device, fmt::join(names_of(dtypes), ", "));
  text += fmt::format("gradient    {}\n", gradient_text(facts));
  text += fmt::format("checked     {} cases, {}\n", facts.cases,
                      facts.max_order == 0   ? "no gradients"
                      : facts.max_order == 1 ? "gradients of order 1"
                                             : "gradients of order 1 and 2");
  text += fmt::format("run it      gradus op {} --help\n", def.name);
  if (!facts.section.empty()) text += fmt::format("page        {}\n\n{}", facts.page, facts.section);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::puts(text.c_str());
}

}  // namespace

void add_ops_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("ops", "Lists every op with its dtypes, gradients and layouts, or shows one op's page");
  struct Options {
    std::optional<std::string> name;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("NAME", options->name, "show this op's page instead of the table")->type_name("");
  command->add_flag("--json", options->json, "print JSON");
  command->callback([options] {
    if (options->name) {
      const OpFacts facts = op_facts(find_op(*options->name));
      if (options->json) return void(std::puts(to_json(facts).dump(2).c_str()));
      return print_page(facts);
    }
    std::vector<OpFacts> all;
    for (const OpDef* op : sorted_ops()) all.push_back(op_facts(*op));
    if (!options->json) return print_table(all);
    Json json = Json::array();
    for (const OpFacts& facts : all) json.push_back(to_json(facts));
    std::puts(json.dump(2).c_str());
  });
}

}  // namespace gradus::tools
