#include "tests/support/fused_kernels.h"

#include <algorithm>
#include <cmath>

#include "gradus/graph/op_registry.h"
#include "gradus/ops/batch_norm.h"
#include "gradus/ops/bias_add.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/conv_geometry.h"
#include "gradus/ops/optimizer_updates.h"

namespace gradus {
namespace {

// The value as a tensor of this dtype keeps it.
double rounded_to(DType dtype, double value) {
  double result = value;
  visit_floating(dtype, [&]<class T>(TypeTag<T>) { result = static_cast<double>(static_cast<T>(value)); });
  return result;
}

double relu_of(double x) { return x < 0 ? 0 : x; }

// Images and filters in the layout of their ops; only NHWC, which the tests have.
void conv_bias_relu(KernelContext& c) {
  const auto& conv = c.attrs<Conv2DAttrs>(0);
  if (conv.data_format != DataFormat::kNHWC || c.attrs<BiasAddAttrs>(1).data_format != DataFormat::kNHWC)
    c.fail(1, Code::kUnimplemented, "the test's kernel takes NHWC");
  const Tensor &x = c.operand(0, 0), &filter = c.operand(0, 1), &bias = c.operand(1, 1);
  Tensor& y = c.result(2, 0);
  WindowPlacement placement = conv.placement();
  placement.allow_empty_output = true;
  const ConvGeometry g = conv_geometry(placement, x.shape(), filter.shape());
  std::int64_t index = 0;
  for (std::int64_t n = 0; n < g.batch; ++n)
    for (std::int64_t i = 0; i < g.rows.out; ++i)
      for (std::int64_t j = 0; j < g.columns.out; ++j)
        for (std::int64_t k = 0; k < g.out_channels; ++k, ++index) {
          double sum = 0;
          for (std::int64_t r = 0; r < g.rows.window; ++r)
            for (std::int64_t s = 0; s < g.columns.window; ++s) {
              const std::int64_t row = g.rows.pixel(i, r), column = g.columns.pixel(j, s);
              const bool inside = row >= 0 && row < g.rows.in && column >= 0 && column < g.columns.in;
              for (std::int64_t d = 0; d < g.group_in(); ++d) {
                const std::int64_t channel = k / g.group_out() * g.group_in() + d;
                const double pixel =
                    inside ? x.at(((n * g.rows.in + row) * g.columns.in + column) * g.channels + channel) : 0.0;
                sum += pixel * filter.at(((r * g.columns.window + s) * g.group_in() + d) * g.out_channels + k);
              }
            }
          y.set(index, relu_of(rounded_to(y.dtype(), rounded_to(y.dtype(), sum) + bias.at(k))));
        }
}

void batch_norm_add_relu(KernelContext& c) {
  const auto& attrs = c.attrs<BatchNormAttrs>(0);
  const Tensor &x = c.operand(0, 0), &scale = c.operand(0, 1), &offset = c.operand(0, 2);
  const Tensor& other = c.operand(1, c.is_passed_on(1, 0) ? 1 : 0);
  const AxisExtents e = channel_extents(x.shape(), attrs.data_format);
  if (other.shape() != x.shape()) c.fail(1, Code::kUnimplemented, "the test's kernel does not broadcast");
  const double n = static_cast<double>(e.outer * e.inner);
  const auto for_channel = [&](std::int64_t channel, auto&& f) {
    for (std::int64_t o = 0; o < e.outer; ++o)
      for (std::int64_t i = 0; i < e.inner; ++i) f((o * e.axis + channel) * e.inner + i);
  };
  for (std::int64_t k = 0; k < e.axis; ++k) {
    double mean = c.operand(0, 3).at(k), variance = c.operand(0, 4).at(k), reported = variance;
    if (attrs.is_training) {
      double sum = 0, rest = 0, squares = 0;
      for_channel(k, [&](std::int64_t i) { sum += x.at(i); });
      mean = sum / n;
      for_channel(k, [&](std::int64_t i) { rest += x.at(i) - mean; });
      if (std::isfinite(rest)) mean += rest / n;
      for_channel(k, [&](std::int64_t i) { squares += (x.at(i) - mean) * (x.at(i) - mean); });
      variance = squares / n;
      reported = n > 1 ? squares / (n - 1) : variance;
    }
    const double inv_std = 1 / std::sqrt(variance + attrs.epsilon);
    for_channel(k, [&](std::int64_t i) {
      const double normal = rounded_to(x.dtype(), (x.at(i) - mean) * inv_std * scale.at(k) + offset.at(k));
      c.result(2, 0).set(i, relu_of(rounded_to(x.dtype(), normal + other.at(i))));
    });
    c.result(0, 1).set(k, mean);
    c.result(0, 2).set(k, reported);
    c.result(0, 3).set(k, mean);
    c.result(0, 4).set(k, inv_std);
  }
}

// Any chain of ops of one or two operands of one shape, in float64.
void elementwise_chain(KernelContext& c) {
  Tensor& y = c.result(c.num_nodes() - 1, 0);
  for (std::int64_t i = 0; i < y.num_elements(); ++i) {
    double passed_on = 0;
    for (int node = 0; node < c.num_nodes(); ++node) {
      const std::string& op = c.kernel().chain[static_cast<std::size_t>(node)].op;
      const auto operand = [&](int k) { return c.is_passed_on(node, k) ? passed_on : c.operand(node, k).at(i); };
      passed_on = op == "Neg"    ? -operand(0)
                  : op == "Relu" ? relu_of(operand(0))
                  : op == "Sub"  ? operand(0) - operand(1)
                                 : operand(0) + operand(1);
    }
    y.set(i, passed_on);
  }
}

void many_assign_adds(KernelContext& c) {
  for (int node = 0; node < c.num_nodes(); ++node) {
    Tensor& var = c.mutable_operand(node, 0);
    for (std::int64_t i = 0; i < var.num_elements(); ++i) var.set(i, var.at(i) + c.operand(node, 1).at(i));
  }
}

void many_gradient_descents(KernelContext& c) {
  for (int node = 0; node < c.num_nodes(); ++node) {
    Tensor& var = c.mutable_operand(node, 0);
    const double rate = c.operand(node, 1).at(0);
    for (std::int64_t i = 0; i < var.num_elements(); ++i) var.set(i, var.at(i) - rate * c.operand(node, 2).at(i));
  }
}

void many_momentums(KernelContext& c) {
  for (int node = 0; node < c.num_nodes(); ++node) {
    Tensor &var = c.mutable_operand(node, 0), &accum = c.mutable_operand(node, 1);
    const double rate = c.operand(node, 2).at(0), mu = c.operand(node, 4).at(0);
    const bool nesterov = c.attrs<ApplyMomentumAttrs>(node).use_nesterov;
    for (std::int64_t i = 0; i < var.num_elements(); ++i) {
      const double g = c.operand(node, 3).at(i), a = mu * accum.at(i) + g;
      accum.set(i, a);
      var.set(i, var.at(i) - rate * (nesterov ? g + mu * a : a));
    }
  }
}

void many_adams(KernelContext& c) {
  for (int node = 0; node < c.num_nodes(); ++node) {
    Tensor &var = c.mutable_operand(node, 0), &m = c.mutable_operand(node, 1), &v = c.mutable_operand(node, 2);
    const double rate = c.operand(node, 3).at(0), step = c.operand(node, 5).at(0);
    if (step < 1) c.fail(node, Code::kInvalidArgument, "step counts from 1");
    const auto& attrs = c.attrs<ApplyAdamAttrs>(node);
    const double correct1 = 1 - std::pow(attrs.beta1, step), correct2 = 1 - std::pow(attrs.beta2, step);
    for (std::int64_t i = 0; i < var.num_elements(); ++i) {
      const double g = c.operand(node, 4).at(i);
      const double m1 = attrs.beta1 * m.at(i) + (1 - attrs.beta1) * g;
      const double v1 = attrs.beta2 * v.at(i) + (1 - attrs.beta2) * g * g;
      m.set(i, m1);
      v.set(i, v1);
      const double direction = (m1 / correct1) / (std::sqrt(v1 / correct2) + attrs.epsilon);
      var.set(i, var.at(i) - rate * (direction + attrs.weight_decay * var.at(i)));
    }
  }
}

std::vector<KernelDef> make_fused_test_kernels() {
  std::vector<KernelDef> kernels;
  const auto fused = [&](std::vector<FusedOp> chain, DTypeSet dtypes, KernelFn compute) {
    KernelDef def{.op = "", .device_type = "", .dtypes = dtypes, .compute = compute};
    def.chain = std::move(chain);
    kernels.push_back(std::move(def));
  };
  const auto batched = [&](const char* op, KernelFn compute) {
    kernels.push_back({.op = op, .device_type = "", .dtypes = kFloating, .compute = compute});
  };
  fused({"Conv2D", "BiasAdd", "Relu"}, {DType::kFloat32, DType::kFloat64}, conv_bias_relu);
  fused({"FusedBatchNorm", {"Add", kAnyOperand}, "Relu"}, {DType::kFloat32, DType::kFloat64}, batch_norm_add_relu);
  const DTypeSet doubles{DType::kFloat64};
  fused({{"Add"}, "Neg"}, doubles, elementwise_chain);
  fused({{"Sub"}, {"Add", kAnyOperand}}, doubles, elementwise_chain);
  fused({{"Add"}, {"Sub", kAnyOperand}, "Neg"}, doubles, elementwise_chain);
  fused({"Neg", "Relu"}, doubles, elementwise_chain);
  batched("AssignAdd", many_assign_adds);
  batched("ApplyGradientDescent", many_gradient_descents);
  batched("ApplyMomentum", many_momentums);
  batched("ApplyAdam", many_adams);
  return kernels;
}

}  // namespace

const std::vector<KernelDef>& fused_test_kernels() {
  static const std::vector<KernelDef> kernels = make_fused_test_kernels();
  return kernels;
}

void register_fusing_device() {
  constexpr const char* kType = "fusing";
  if (backend_registry().find(kType) != nullptr) return;
  backend_registry().add({.type = kType,
                          .description = "the reference's kernels, and kernels of several nodes; for tests",
                          .rank = -1,
                          .list =
                              [] {
                                return std::vector<DeviceInfo>{{{"fusing", 0}, "for tests"}};
                              },
                          .missing = [] { return std::string(); },
                          .create = [](int index, const DeviceOptions&) -> std::unique_ptr<Device> {
                            return std::make_unique<HostDevice>(DeviceName{"fusing", index}, nullptr);
                          }});
  KernelRegistry& kernels = kernel_registry();
  for (const KernelDef* reference : kernels.of_device("ref")) {
    KernelDef def = *reference;
    def.device_type = kType;
    // The compiler may round the same formula otherwise elsewhere: one update runs by the function that runs many.
    const auto& several = fused_test_kernels();
    const auto many = std::find_if(several.begin(), several.end(), [&](const KernelDef& k) { return k.op == def.op; });
    if (many != several.end() && def.op.starts_with("Apply")) def.compute = many->compute;
    kernels.add(std::move(def));
  }
  for (const KernelDef& def : fused_test_kernels()) {
    if (def.chain.empty()) {
      kernels.add_batched(def.op, kType, def.dtypes, def.compute);
    } else {
      kernels.add_fused(def.chain, kType, def.dtypes, def.compute);
    }
  }
}

}  // namespace gradus
