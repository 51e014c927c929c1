#include "gradus/graph/op_registry.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus {
namespace {

bool ends_with_dots(const std::vector<std::string>& names) {
  return !names.empty() && names.back().size() > 3 && names.back().compare(names.back().size() - 3, 3, "...") == 0;
}

// Levenshtein's distance, ignoring case and underscores, so that "conv2d_backprop" is near "Conv2DBackpropInput".
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

std::string folded(std::string_view name) {
  std::string result;
  for (char c : name) {
    if (c != '_') result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return result;
}

}  // namespace

bool OpDef::variadic_inputs() const { return ends_with_dots(inputs); }
bool OpDef::variadic_outputs() const { return ends_with_dots(outputs); }

void ShapeContext::set_output(int i, DType dtype, const Shape& shape) {
  if (static_cast<std::size_t>(i) != outputs_.size()) throw internal_error("set_output: outputs are set in order");
  outputs_.push_back({dtype, shape});
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
      fail(fmt::format("operands must have the same dtype; got {} {} and {} {}", dtype_name(input_dtype(first_input)),
                       input_shape(first_input).to_string(), dtype_name(input_dtype(i)), input_shape(i).to_string()));
    }
  }
}

void ShapeContext::require_floating(int i, const char* name) const {
  if (!is_floating(input_dtype(i))) {
    fail(fmt::format("{} must be float16, float32 or float64; got {}", name, dtype_name(input_dtype(i))));
  }
}

void OpRegistry::add(OpDef def) {
  if (def.name.empty() || def.shape == nullptr) throw invalid_argument("an op needs a name and a shape function");
  if (find(def.name) != nullptr) throw invalid_argument("op '" + def.name + "' is registered already");
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
  throw not_found(fmt::format("no op '{}' is registered{}", name, nearest_names(name, known)));
}

std::string nearest_names(std::string_view name, const std::vector<std::string>& known) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& k : known) {
    const std::size_t distance = edit_distance(folded(name), folded(k));
    if (2 * distance <= std::max(name.size(), k.size())) ranked.emplace_back(distance, k);  // not wholly unlike
  }
  std::sort(ranked.begin(), ranked.end());
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, ranked.size()); ++i)
    text += (i == 0 ? "" : ", ") + ranked[i].second;
  return text.empty() ? "" : "; did you mean " + text + "?";
}

}  // namespace gradus
