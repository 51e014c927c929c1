#include "tests/cuda/cudnn_interpreter.h"

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "gradus/core/dtype.h"

namespace gradus::testing {
namespace {

using Json = nlohmann::json;
using Four = std::array<std::int64_t, 4>;
using Two = std::array<std::int64_t, 2>;

void require(bool condition, const std::string& text) {
  if (!condition) throw std::runtime_error("the interpreter of cuDNN's plans: " + text);
}

DType dtype_from(const std::string& name) {
  if (name == "CUDNN_DATA_HALF") return DType::kFloat16;
  if (name == "CUDNN_DATA_BFLOAT16") return DType::kBFloat16;
  if (name == "CUDNN_DATA_FLOAT") return DType::kFloat32;
  if (name == "CUDNN_DATA_DOUBLE") return DType::kFloat64;
  throw std::runtime_error("the interpreter of cuDNN's plans does not know the type " + name);
}

// A tensor of the plan: in memory, or, where it is virtual, in `values`.
struct PlanTensor {
  DType dtype = DType::kFloat32;
  Four sizes = {}, strides = {};
  bool is_virtual = false;
  std::size_t alignment = 1;

  std::int64_t offset(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) const {
    for (const auto& [i, size] : {std::pair{n, sizes[0]}, {c, sizes[1]}, {h, sizes[2]}, {w, sizes[3]}}) {
      require(i >= 0 && i < size, "an index beyond a tensor");
    }
    return n * strides[0] + c * strides[1] + h * strides[2] + w * strides[3];
  }
  // In elements, from the first to the last.
  std::int64_t extent() const {
    std::int64_t last = 0;
    for (std::size_t i = 0; i < 4; ++i) last += (sizes[i] - 1) * strides[i];
    return last + 1;
  }
  std::size_t bytes() const { return static_cast<std::size_t>(extent()) * dtype_size(dtype); }
};

// Its elements in float64 while the plan runs: read once before, written once after.
struct Values {
  const PlanTensor* tensor;
  std::vector<double> at_offset;

  double& at(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
    return at_offset[static_cast<std::size_t>(tensor->offset(n, c, h, w))];
  }
};

struct PlanNode {
  std::string operation, mode;
  std::map<std::string, std::string> tensors;  // by role: "X" -> "1"
  Two before = {}, after = {}, stride = {}, dilation = {};
};

PlanNode read_node(const Json& json) {
  PlanNode node;
  node.operation = json.at("operation");
  for (const char* role : {"X", "W", "Y", "B", "dX", "dW", "dY"}) {
    if (json.contains(role)) node.tensors[role] = json.at(role);
  }
  if (node.operation == "CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR") {
    node.mode = json.at("pointwiseMode");
    require(json.at("alpha1") == 1.0 && json.at("alpha2") == 1.0, "factors other than 1");
    if (node.mode == "CUDNN_POINTWISE_RELU_FWD") {
      require(json.at("lowerClip") == 0.0 && json.at("lowerClipSlope") == 0.0, "another relu");
    }
    return node;
  }
  node.mode = json.at("mode");
  require(json.at("alpha") == 1.0 && json.at("beta") == 0.0, "results that are added to what was there before");
  // Said once where both sides have the same.
  node.before = json.contains("pad") ? json.at("pad").get<Two>() : json.at("pad_lower").get<Two>();
  node.after = json.contains("pad") ? json.at("pad").get<Two>() : json.at("pad_upper").get<Two>();
  node.stride = json.at("stride").get<Two>();
  node.dilation = json.at("dilation").get<Two>();
  return node;
}

// Calls visit(x, w, y) with the offsets of every product of a convolution whose pixel lies inside of the image.
template <class Visit>
void for_each_product(const PlanNode& node, const PlanTensor& x, const PlanTensor& w, const PlanTensor& y,
                      Visit visit) {
  const bool flipped = node.mode == "CUDNN_CONVOLUTION";
  require(flipped || node.mode == "CUDNN_CROSS_CORRELATION", "mode " + node.mode);
  const std::int64_t groups = x.sizes[1] / w.sizes[1], group_out = w.sizes[0] / groups;
  require(groups * w.sizes[1] == x.sizes[1] && groups * group_out == w.sizes[0] && y.sizes[1] == w.sizes[0] &&
              y.sizes[0] == x.sizes[0],
          "sizes that do not fit");
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t extent = (w.sizes[2 + axis] - 1) * node.dilation[axis] + 1;
    const std::int64_t room = x.sizes[2 + axis] + node.before[axis] + node.after[axis] - extent;
    require(room >= 0 && room / node.stride[axis] + 1 == y.sizes[2 + axis], "a result of another size");
  }
  for (std::int64_t n = 0; n < y.sizes[0]; ++n) {
    for (std::int64_t k = 0; k < y.sizes[1]; ++k) {
      for (std::int64_t i = 0; i < y.sizes[2]; ++i) {
        for (std::int64_t j = 0; j < y.sizes[3]; ++j) {
          const std::int64_t to = y.offset(n, k, i, j);
          for (std::int64_t r = 0; r < w.sizes[2]; ++r) {
            const std::int64_t row = i * node.stride[0] - node.before[0] + r * node.dilation[0];
            if (row < 0 || row >= x.sizes[2]) continue;
            for (std::int64_t s = 0; s < w.sizes[3]; ++s) {
              const std::int64_t column = j * node.stride[1] - node.before[1] + s * node.dilation[1];
              if (column < 0 || column >= x.sizes[3]) continue;
              std::int64_t from = x.offset(n, k / group_out * w.sizes[1], row, column);
              std::int64_t tap = w.offset(k, 0, flipped ? w.sizes[2] - 1 - r : r, flipped ? w.sizes[3] - 1 - s : s);
              for (std::int64_t c = 0; c < w.sizes[1]; ++c, from += x.strides[1], tap += w.strides[1]) {
                visit(static_cast<std::size_t>(from), static_cast<std::size_t>(tap), static_cast<std::size_t>(to));
              }
            }
          }
        }
      }
    }
  }
}

std::vector<double> load(const PlanTensor& t, const void* memory) {
  std::vector<double> values(static_cast<std::size_t>(t.extent()));
  visit_floating(t.dtype, [&]<class T>(TypeTag<T>) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(static_cast<const T*>(memory)[i]);
  });
  return values;
}

// All of its elements; what lies between them, if strides leave gaps, stays as it is.
void store(Values& v, void* memory) {
  const PlanTensor& t = *v.tensor;
  visit_floating(t.dtype, [&]<class T>(TypeTag<T>) {
    for (std::int64_t n = 0; n < t.sizes[0]; ++n) {
      for (std::int64_t c = 0; c < t.sizes[1]; ++c) {
        for (std::int64_t h = 0; h < t.sizes[2]; ++h) {
          for (std::int64_t w = 0; w < t.sizes[3]; ++w) {
            static_cast<T*>(memory)[t.offset(n, c, h, w)] = static_cast<T>(v.at(n, c, h, w));
          }
        }
      }
    }
  });
}

void run_pointwise(const PlanNode& node, Values& x, Values* b, Values& y) {
  const Four& sizes = y.tensor->sizes;
  for (std::int64_t n = 0; n < sizes[0]; ++n) {
    for (std::int64_t c = 0; c < sizes[1]; ++c) {
      for (std::int64_t h = 0; h < sizes[2]; ++h) {
        for (std::int64_t w = 0; w < sizes[3]; ++w) {
          const double value = x.at(n, c, h, w);
          if (node.mode == "CUDNN_POINTWISE_ADD") {
            require(b->tensor->sizes == Four{1, sizes[1], 1, 1}, "a bias of another shape");
            y.at(n, c, h, w) = value + b->at(0, c, 0, 0);
          } else {
            require(node.mode == "CUDNN_POINTWISE_RELU_FWD", "pointwise mode " + node.mode);
            y.at(n, c, h, w) = value < 0 ? 0 : value;
          }
        }
      }
    }
  }
}

}  // namespace

struct InterpretedPlan::Contents {
  std::map<std::string, PlanTensor> tensors;
  std::vector<PlanNode> nodes;
};

InterpretedPlan::InterpretedPlan(const std::string& text) : contents_(std::make_unique<Contents>()) {
  const Json plan = Json::parse(text);
  const Json& graph = plan.at("operationGraph");
  for (const Json& json : graph.at("tensors")) {
    PlanTensor t;
    t.dtype = dtype_from(json.at("dataType"));
    t.sizes = json.at("dim").get<Four>();
    t.strides = json.at("stride").get<Four>();
    t.is_virtual = json.at("isVirtual");
    t.alignment = json.at("ptrAlignment");
    require(json.at("vectCount") == 1 && !json.at("isByValue").get<bool>(), "vectorised tensors");
    contents_->tensors.emplace(json.at("name"), t);
  }
  for (const Json& json : graph.at("nodes")) contents_->nodes.push_back(read_node(json));
}

InterpretedPlan::~InterpretedPlan() = default;

void InterpretedPlan::check(const PlanMemory& memory,
                            const std::function<void(const void*, std::size_t)>& check) const {
  std::size_t bound = 0;
  for (const auto& [name, tensor] : contents_->tensors) {
    if (tensor.is_virtual) continue;
    const auto place = memory.find(name);
    require(place != memory.end(), "tensor " + name + " is not bound");
    require(reinterpret_cast<std::uintptr_t>(place->second) % tensor.alignment == 0,
            "tensor " + name + " is not aligned");
    check(place->second, tensor.bytes());
    ++bound;
  }
  require(bound == memory.size(), "more is bound than the plan has");
}

void InterpretedPlan::run(const PlanMemory& memory) const {
  std::map<std::string, Values> values;
  for (const auto& [name, tensor] : contents_->tensors) {
    Values& v = values.emplace(name, Values{&tensor, {}}).first->second;
    if (tensor.is_virtual) {
      v.at_offset.assign(static_cast<std::size_t>(tensor.extent()), 0.0);
    } else {
      v.at_offset = load(tensor, memory.at(name));
    }
  }
  for (const PlanNode& node : contents_->nodes) {
    const auto of = [&](const char* role) -> Values& { return values.at(node.tensors.at(role)); };
    const auto clear = [](Values& v) { v.at_offset.assign(v.at_offset.size(), 0.0); };
    Values* result = nullptr;
    if (node.operation == "CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR") {
      Values &x = of("X"), &w = of("W"), &y = *(result = &of("Y"));
      clear(y);
      for_each_product(node, *x.tensor, *w.tensor, *y.tensor, [&](std::size_t i, std::size_t t, std::size_t o) {
        y.at_offset[o] += x.at_offset[i] * w.at_offset[t];
      });
    } else if (node.operation == "CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR") {
      Values &dx = *(result = &of("dX")), &w = of("W"), &dy = of("dY");
      clear(dx);
      for_each_product(node, *dx.tensor, *w.tensor, *dy.tensor, [&](std::size_t i, std::size_t t, std::size_t o) {
        dx.at_offset[i] += dy.at_offset[o] * w.at_offset[t];
      });
    } else if (node.operation == "CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR") {
      Values &x = of("X"), &dw = *(result = &of("dW")), &dy = of("dY");
      clear(dw);
      for_each_product(node, *x.tensor, *dw.tensor, *dy.tensor, [&](std::size_t i, std::size_t t, std::size_t o) {
        dw.at_offset[t] += dy.at_offset[o] * x.at_offset[i];
      });
    } else {
      require(node.operation == "CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR", "operation " + node.operation);
      result = &of("Y");
      run_pointwise(node, of("X"), node.tensors.contains("B") ? &of("B") : nullptr, *result);
    }
    if (result->tensor->is_virtual) continue;
    for (const auto& [role, name] : node.tensors) {
      if (&values.at(name) == result) store(*result, memory.at(name));
    }
  }
}

}  // namespace gradus::testing
