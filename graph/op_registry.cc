#include "gradus/graph/op_registry.h"

#include <fmt/format.h>

#include <fmt/ranges.h>
#include <algorithm>

#include <climits>

#include "gradus/core/caller.h"
#include "gradus/core/nearest_names.h"
#include "gradus/core/tensor_text.h"
#include "gradus/graph/constant_attrs.h"

namespace gradus {
namespace {

bool ends_with_dots(const std::vector<std::string>& names) {
  return !names.empty() && names.back().size() > 3 && names.back().compare(names.back().size() - 3, 3, "...") == 0;
}

std::string mistake_in_names(const std::vector<std::string>& names, const char* what) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) return fmt::format("{} {} has no name", what, i);
    if (i + 1 < names.size() && names[i].ends_with("...")) {
      return fmt::format("{} {} ({}) stands for any number, so it must be the last; the op has {}", what, i, names[i],
                         fmt::join(names, ", "));
    }
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      return fmt::format("two {}s are named '{}'", what, names[i]);
    }
  }
  return "";
}

// The first thing that is wrong with a definition, or "".
std::string mistake(const OpDef& def) {
  if (def.name.empty()) return "an op needs a name";
  if (def.name.find_first_of(" /\t\n") != std::string::npos)
    return "an op's name has neither blanks nor '/', which part a node's scopes";
  if (std::string wrong = mistake_in_names(def.inputs, "operand"); !wrong.empty()) return wrong;
  if (std::string wrong = mistake_in_names(def.outputs, "output"); !wrong.empty()) return wrong;
  if (def.kind == OpKind::kConstant && !def.attrs.holds<ConstantAttrs>()) {
    return "a constant (OpKind::kConstant) has its value in ConstantAttrs: set OpDef::attrs to them";
  }
  if (def.shape == nullptr) return "an op needs a shape function, void(ShapeContext&), that sets its outputs";
  const int inputs = static_cast<int>(def.inputs.size());
  const int fixed = inputs - (def.variadic_inputs() ? 1 : 0);
  const bool has_input = def.variadic_inputs() || inputs > 0;
  if (def.kind == OpKind::kView && (!has_input || def.outputs.empty()))
    return "a view (OpKind::kView) needs an operand, whose bits it shows, and a result";
  if (def.effect == Effect::kMutates && (def.mutable_inputs < 1 || def.mutable_inputs > fixed)) {
    return fmt::format("mutable_inputs says that the first {} operands are variables; the op has {} ({})",
                       def.mutable_inputs, fixed, fmt::join(def.inputs, ", "));
  }
  for (const int i : def.inplace_inputs) {
    if (i >= 0 && i < (def.variadic_inputs() ? INT_MAX : inputs) && !def.outputs.empty()) continue;
    return fmt::format(
        "inplace_inputs names operand {}, whose memory output 0 may take over; the op has {} operands ({}) "
        "and {} outputs",
        i, inputs, fmt::join(def.inputs, ", "), def.outputs.size());
  }
  for (const int i : def.host_operands) {
    if (i < 0 || i >= inputs) {
      return fmt::format("host_operands names operand {}; the op has {} operands ({})", i, inputs,
                         fmt::join(def.inputs, ", "));
    }
    const bool changed = static_cast<std::size_t>(i) < def.num_mutated();
    const bool taken_over =
        std::find(def.inplace_inputs.begin(), def.inplace_inputs.end(), i) != def.inplace_inputs.end();
    if (!changed && !taken_over) continue;
    return fmt::format("operand {} ({}) is among host_operands, which have no memory, and among {}", i,
                       def.inputs[static_cast<std::size_t>(i)],
                       changed ? "the variables that the op changes" : "inplace_inputs");
  }
  const int k = def.kernel_dtype;
  const bool chosen = k == kDTypeOfOutput ? !def.outputs.empty() : k >= 0 && (def.variadic_inputs() || k < inputs);
  if (def.kind == OpKind::kCompute && !chosen) {
    return fmt::format(
        "kernel_dtype is {}: the kernel is chosen by the dtype of operand 0, 1, ..., or of output 0 with "
        "kDTypeOfOutput; the op has {} operands ({}) and {} outputs",
        k, inputs, fmt::join(def.inputs, ", "), def.outputs.size());
  }
  return "";
}

}  // namespace

bool OpDef::variadic_inputs() const { return ends_with_dots(inputs); }
bool OpDef::variadic_outputs() const { return ends_with_dots(outputs); }
bool OpDef::is_host_operand(std::size_t i) const {
  const std::size_t declared = variadic_inputs() ? std::min(i, inputs.size() - 1) : i;
  return std::find(host_operands.begin(), host_operands.end(), static_cast<int>(declared)) != host_operands.end();
}

void ShapeContext::set_output(int i, DType dtype, const Shape& shape) {
  if (static_cast<std::size_t>(i) != outputs_.size()) {
    throw internal_error(
        fmt::format("the shape function calls set_output({}): outputs are set in order, each once; the "
                    "next is {}",
                    i, outputs_.size()));
  }
  (void)dtype_size(dtype);  // throws for a number that names no dtype
  outputs_.push_back({dtype, shape});
}

const TensorInfo& ShapeContext::input(int i) const {
  if (i < 0 || i >= num_inputs()) {
    throw invalid_argument(fmt::format("the shape function asks for input {}; there {} {}, counted from 0", i,
                                       num_inputs() == 1 ? "is" : "are", num_inputs()));
  }
  return inputs_[static_cast<std::size_t>(i)];
}

void ShapeContext::fail(const std::string& message) const { throw invalid_argument(message); }

void ShapeContext::require_rank(int i, int rank, const char* name) const {
  if (input_shape(i).rank() != rank) {
    fail(fmt::format("{} must have rank {}; got shape {}", name, rank, input_shape(i).to_string()));
  }
}

void ShapeContext::require_same_dtype(int first_input, int last_input) const {
  for (int i = first_input + 1; i <= last_input; ++i) {
    if (input_dtype(i) != input_dtype(first_input)) {
      fail(fmt::format("operands must have the same dtype; got {} and {}", type_text(input(first_input)),
                       type_text(input(i))));
    }
  }
}

Shape ShapeContext::require_same_shape(int i, const char* name, int j, const char* other_name) const {
  const Shape &a = input_shape(i), &b = input_shape(j);
  if (a.compatible_with(b)) return a.merged_with(b);
  fail(fmt::format("{0} and {2} must have the same shape; got {0} {1} and {2} {3}", name, a.to_string(), other_name,
                   b.to_string()));
}

std::optional<IntValues> without_symbols(std::optional<IntValues> values) {
  if (values) std::replace_if(values->begin(), values->end(), is_unknown, kUnknownValue);
  return values;
}

void ShapeContext::require_floating(int i, const char* name) const {
  if (!is_floating(input_dtype(i))) {
    fail(fmt::format("{} must be {}; got {}", name, kFloatingNames, dtype_name(input_dtype(i))));
  }
}

void OpRegistry::add(OpDef def, SourceLocation location) {
  const Caller caller{"op_registry().add",
                      def.name.empty() ? std::string_view("(no name)") : std::string_view(def.name), location};
  if (const std::string wrong = mistake(def); !wrong.empty()) caller.fail(wrong);
  if (const OpDef* other = find(def.name)) {
    caller.fail(fmt::format("op '{}' is registered already, at {}; choose another name", def.name,
                            file_and_line(other->registered_at)));
  }
  def.registered_at = location;
  ops_.push_back(std::make_unique<OpDef>(std::move(def)));
}

const OpDef* OpRegistry::find(std::string_view name) const {
  for (const auto& op : ops_) {
    if (op->name == name) return op.get();
  }
  return nullptr;
}

const OpDef& OpRegistry::get(std::string_view name) const {
  if (const OpDef* op = find(name)) return *op;
  std::vector<std::string> known;
  for (const auto& op : ops_) known.push_back(op->name);
  throw not_found(fmt::format("no op '{}' is registered{}", name, did_you_mean(name, known)));
}

}  // namespace gradus
