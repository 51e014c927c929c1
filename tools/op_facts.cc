#include "tools/op_facts.h"

#include <algorithm>

#include "cases/case_runner.h"
#include "gradus/autodiff/gradient_registry.h"
#include "gradus/core/kernel.h"
#include "tools/op_pages.h"

namespace gradus::tools {
namespace {

// The text from the line "## name" up to the next heading of that level; empty when there is no such line.
std::string_view find_section(std::string_view page, const std::string& name) {
  const std::string heading = "## " + name;
  for (std::size_t begin = page.find(heading); begin != std::string_view::npos; begin = page.find(heading, begin + 1)) {
    const std::size_t end = begin + heading.size();
    const bool whole_line = (begin == 0 || page[begin - 1] == '\n') && (end == page.size() || page[end] == '\n');
    if (!whole_line) continue;
    const std::size_t next = page.find("\n## ", end);
    return page.substr(begin, next == std::string_view::npos ? next : next - begin + 1);
  }
  return {};
}

}  // namespace

std::vector<std::string> device_types() {
  std::vector<std::string> types;
  for (const auto& backend : backend_registry().all()) {
    const auto has_kernel = [&](const auto& op) {
      const std::vector<const KernelDef*> kernels = kernel_registry().for_op(op->name);
      return std::any_of(kernels.begin(), kernels.end(),
                         [&](const KernelDef* k) { return k->device_type == backend->type; });
    };
    const auto& ops = op_registry().all();
    if (std::any_of(ops.begin(), ops.end(), has_kernel)) types.push_back(backend->type);
  }
  return types;
}

OpFacts op_facts(const OpDef& def) {
  OpFacts facts;
  facts.def = &def;
  facts.attrs = describe_attrs(def.attrs);
  for (const KernelDef* kernel : kernel_registry().for_op(def.name)) {
    std::vector<DType>& dtypes = facts.kernels[kernel->device_type];
    for (int d = 0; d < kDTypeCount; ++d) {
      if (kernel->dtypes.contains(static_cast<DType>(d))) dtypes.push_back(static_cast<DType>(d));
    }
    std::sort(dtypes.begin(), dtypes.end());
  }
  facts.has_gradient = gradient_registry().find(def.name) != nullptr;
  if (const std::string* reason = gradient_registry().none_reason(def.name)) facts.none_reason = *reason;
  for (const cases::OpCase& c : cases::all_op_cases()) {
    if (c.op != def.name) continue;
    ++facts.cases;
    facts.max_order = std::max(facts.max_order, cases::order_of(c));
  }
  for (const AttrInfo& attr : facts.attrs) {
    if (attr.name == "data_format") facts.layouts = attr.values;
  }
  for (const OpPage& page : op_pages()) {
    if (const std::string_view section = find_section(page.text, def.name); !section.empty()) {
      facts.page = page.path;
      facts.section = section;
      break;
    }
  }
  return facts;
}

}  // namespace gradus::tools
