#include "gradus/graph/run/plan_infer.h"

#include <fmt/format.h>

#include "gradus/graph/recompute_scope.h"

namespace gradus {
namespace {

// No address space holds more, and sums of sizes below this cannot overflow.
constexpr std::int64_t kMaxTensorBytes = std::int64_t{1} << 47;

// Refuses impossible results while they are only numbers, before anything computes offsets with them.
void check_size(const TensorInfo& info) {
  if (byte_count(info.dtype, info.shape).value_or(INT64_MAX) > kMaxTensorBytes) {
    throw Error(Code::kResourceExhausted, fmt::format("a result of {} does not fit in any memory", type_text(info)));
  }
}

}  // namespace

std::int64_t integer_at(const Tensor& tensor, std::int64_t i) {
  return tensor.dtype() == DType::kInt32 ? tensor.data<std::int32_t>()[i] : tensor.data<std::int64_t>()[i];
}

IntValues integers_of(const Tensor& tensor) {
  IntValues values;
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) values.push_back(integer_at(tensor, i));
  return values;
}

PlanInference::PlanInference(const Feeds& feeds) : feeds_(feeds) {
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    const auto& [output, tensor] = feeds[i];
    if (!feed_index_.emplace(output, i).second) throw invalid_argument("'" + output.name() + "' is fed twice");
    if (!tensor.defined()) throw invalid_argument("the tensor fed for '" + output.name() + "' has no value");
    if (tensor.dtype() != output.dtype() || !tensor.shape().compatible_with(output.shape())) {
      throw invalid_argument(fmt::format("{} cannot be fed with {}; it takes {}", output.node().where(),
                                         type_text(tensor), type_text(output)));
    }
  }
}

int PlanInference::feed_index(const Output& output) const {
  const auto found = feed_index_.find(is_recomputed(output.node()) ? original(output) : output);
  return found == feed_index_.end() ? -1 : static_cast<int>(found->second);
}

std::vector<TensorInfo> PlanInference::inputs_of(const Node& node) const {
  std::vector<TensorInfo> inputs;
  for (const Output& input : node.inputs()) inputs.push_back(info(input));
  return inputs;
}

void PlanInference::infer(const Node& node) {
  std::vector<TensorInfo> outputs;
  try {
    if (node.def().kind == OpKind::kVariable) {
      outputs = {node.output_info(0)};  // its initial value is not part of the plan
    } else {
      outputs = infer_shapes(node.def(), node.attrs(), inputs_of(node), [&](int i) { return value(node.input(i)); });
    }
    for (int i = 0; i < static_cast<int>(outputs.size()); ++i) {
      // What the graph knew already (from a builder's stricter knowledge) still holds.
      TensorInfo& out = outputs[at(i)];
      out.shape = out.shape.merged_with(node.output_info(i).shape);
      if (!out.shape.fully_known()) {
        throw invalid_argument("the result's shape " + out.shape.to_string() +
                               " depends on a value that is only known while the graph runs; shapes may depend on "
                               "constants, on fed tensors and on the shapes of other tensors");
      }
      check_size(out);
    }
  } catch (const Error& error) {
    throw Error(error.code(), node.where() + " " + error.what());
  }
  if (infos_.empty()) first_id_ = node.id();
  const auto i = static_cast<std::size_t>(node.id() - first_id_);
  if (infos_.size() <= i) infos_.resize(i + 1);
  infos_[i] = std::move(outputs);
}

TensorInfo PlanInference::info(const Output& output) const {
  if (const int i = feed_index(output); i >= 0) {
    const Tensor& tensor = feeds_[at(i)].second;
    return {tensor.dtype(), tensor.shape()};
  }
  return info_of_node(output);
}

std::optional<IntValues> PlanInference::value(const Output& output) {
  if (const auto known = values_.find(output); known != values_.end()) return known->second;
  if (value_depth_ == kMaxValueDepth) return std::nullopt;
  std::optional<IntValues> result;
  ++value_depth_;
  if (const int i = feed_index(output); i >= 0) {
    const Tensor& tensor = feeds_[at(i)].second;
    if (tensor.num_elements() <= kMaxTrackedValues && is_index(tensor.dtype())) {
      value_feeds_.insert(static_cast<std::size_t>(i));
      result = integers_of(tensor);
    }
  } else if (const Node& node = output.node();
             output.index() == 0 && is_inferred(node) && node.def().kind != OpKind::kVariable) {
    result = infer_value(node.def(), node.attrs(), inputs_of(node), info(output),
                         [&](int k) { return value(node.input(k)); });
  }
  --value_depth_;
  values_[output] = result;
  return result;
}

}  // namespace gradus
