// Each stage goes over the same few rows, which stay in the first- or second-level cache: as fast as one loop over all stages, and there
// is a loop per stage instead of one per combination.
#include "gradus/backends/cpu/conv2d_epilogue.h"

#include <algorithm>
#include <cstring>

#include "gradus/backends/cpu/prefetch.h"
#include "gradus/backends/cpu/vector.h"
#include "gradus/backends/formulas/unary.h"
#include "gradus/ops/bias_add.h"

namespace gradus::cpu {
namespace {

// y[i] = formula(y[i], x[i]...), rounded once. y has just been written, but x may lie in no cache.
template <class S, class F, class... X>
void apply(S* y, std::int64_t n, F formula, const X*... x) {
  const std::int64_t block = sizeof...(X) > 0 ? 256 : n;
  for (std::int64_t begin = 0; begin < n; begin += block) {
    const std::int64_t end = std::min(begin + block, n);
    prefetch_ahead(begin, end - begin, x...);
    GRADUS_INDEPENDENT_ITERATIONS
    for (std::int64_t i = begin; i < end; ++i)
      y[i] = static_cast<S>(formula(static_cast<Compute<S>>(y[i]), static_cast<Compute<S>>(x[i])...));
  }
}

// y[k] += bias[k] over pixels of `channels` values each.
template <class S>
void add_bias(S* y, std::int64_t pixels, std::int64_t channels, const S* bias) {
  using U = Compute<S>;
  for (std::int64_t p = 0; p < pixels; ++p, y += channels) {
    GRADUS_INDEPENDENT_ITERATIONS
    for (std::int64_t k = 0; k < channels; ++k) y[k] = static_cast<S>(static_cast<U>(y[k]) + static_cast<U>(bias[k]));
  }
}

// Few channels make loops that are too short for vectors: then several pixels are taken as one with so many values in all, at most.
constexpr std::int64_t kWideBias = 256;
// What one stage goes over before the next, in bytes: it stays in the first-level cache.
constexpr std::int64_t kStepBytes = 16 << 10;

}  // namespace

std::vector<std::vector<FusedOp>> ConvEpilogue::forward_chains() {
  return {{"BiasAdd"}, {"BiasAdd", "Relu"}, {"BiasAdd", "Relu6"}, {"Relu"}, {"Relu6"}};
}

std::vector<std::vector<FusedOp>> ConvEpilogue::gradient_chains() {
  return {{{"AddN", kAnyOfEqualShapes}},
          {{"AddN", kAnyOfEqualShapes}, "ReluGrad"},
          {{"AddN", kAnyOfEqualShapes}, "Relu6Grad"},
          {"ReluGrad"},
          {"Relu6Grad"}};
}

ConvEpilogue::ConvEpilogue(const KernelContext& c, DataFormat format) : format_(format) {
  const ImageAxes axes = image_axes(format);
  const Shape& shape = c.output(0).shape();
  batch_ = shape[axes.batch];
  h_ = shape[axes.height];
  w_ = shape[axes.width];
  channels_ = shape[axes.channels];
  const std::int64_t row_bytes = w_ * channels_ * static_cast<std::int64_t>(dtype_size(c.output(0).dtype()));
  rows_per_step_ = std::max<std::int64_t>(1, kStepBytes / std::max<std::int64_t>(1, row_bytes));
  constexpr std::pair<const char*, Op> kOps[] = {{"BiasAdd", Op::kBiasAdd},   {"Relu", Op::kRelu},
                                                 {"Relu6", Op::kRelu6},       {"AddN", Op::kAddN},
                                                 {"ReluGrad", Op::kReluGrad}, {"Relu6Grad", Op::kRelu6Grad}};
  for (int node = 1; node < c.num_nodes(); ++node) {
    for (const auto& [name, op] : kOps) {
      if (c.kernel().chain[static_cast<std::size_t>(node)].op != name) continue;
      Stage stage{op, node};
      if (op == Op::kBiasAdd) {
        stage.channels = channel_extents(shape, c.attrs<BiasAddAttrs>(node).data_format);
        const std::int64_t biases =
            stage.channels.axis;  // not the convolution's channels where the data formats differ
        if (stage.channels.inner == 1)
          stage.repeat = std::max<std::int64_t>(1, kWideBias / std::max<std::int64_t>(1, biases));
        if (stage.repeat > 1)
          stage.repeated.resize(static_cast<std::size_t>(stage.repeat * biases) * dtype_size(c.output(0).dtype()));
      }
      stages_.push_back(std::move(stage));
    }
  }
}

template <class S>
void ConvEpilogue::begin(KernelContext& c) {
  result_ = c.output(0).raw();
  run_ = run_stages<S>;
  for (Stage& stage : stages_) {
    stage.operands.clear();
    for (int i = 0; i < c.num_operands(stage.node); ++i)
      stage.operands.push_back(c.is_passed_on(stage.node, i) ? nullptr : c.operand(stage.node, i).raw());
    if (stage.repeat > 1) {
      const std::size_t bytes = stage.repeated.size() / static_cast<std::size_t>(stage.repeat);
      for (char* to = stage.repeated.data(); to != stage.repeated.data() + stage.repeated.size(); to += bytes)
        std::memcpy(to, stage.operands[1], bytes);
    }
  }
}

void ConvEpilogue::finish_rows(std::int64_t image, std::int64_t first, std::int64_t count) const {
  if (format_ == DataFormat::kNHWC) {
    const std::int64_t row = w_ * channels_;
    const std::int64_t end = image * h_ + first + count;
    for (std::int64_t r = image * h_ + first; r < end; r += rows_per_step_)
      run_(*this, r * row, std::min(r + rows_per_step_, end) * row);
    return;
  }
  for (std::int64_t k = 0; k < channels_; ++k) {
    const std::int64_t begin = ((image * channels_ + k) * h_ + first) * w_;
    run_(*this, begin, begin + count * w_);
  }
}

void ConvEpilogue::finish_all() const {
  for (std::int64_t image = 0; image < batch_; ++image) finish_rows(image, 0, h_);
}

template <class S>
void ConvEpilogue::run_stages(const ConvEpilogue& self, std::int64_t begin, std::int64_t end) {
  for (const Stage& stage : self.stages_) self.run_stage(stage, static_cast<S*>(self.result_) + begin, begin, end);
}

template <class S>
void ConvEpilogue::run_stage(const Stage& stage, S* y, std::int64_t begin, std::int64_t end) const {
  using U = Compute<S>;
  const std::int64_t n = end - begin;
  const auto operand = [&](std::size_t i) { return static_cast<const S*>(stage.operands[i]) + begin; };
  switch (stage.op) {
    case Op::kRelu: return apply(y, n, formulas::Relu{});
    case Op::kRelu6: return apply(y, n, formulas::Relu6{});
    case Op::kReluGrad: return apply(y, n, formulas::ReluGrad{}, operand(1));
    case Op::kRelu6Grad: return apply(y, n, formulas::Relu6Grad{}, operand(1));
    case Op::kBiasAdd: {
      const S* const bias = static_cast<const S*>(stage.operands[1]);
      const AxisExtents& e = stage.channels;
      // All biases over and over. (NCHW images of one pixel have them side by side as well, and come one by one.)
      if (e.inner == 1 && begin % e.axis == 0 && n % e.axis == 0) {
        const std::int64_t wide = stage.repeat * e.axis, whole = stage.repeat > 1 ? n / wide : 0;
        add_bias(y, whole, wide, reinterpret_cast<const S*>(stage.repeated.data()));
        return add_bias(y + whole * wide, (n - whole * wide) / e.axis, e.axis, bias);
      }
      for (std::int64_t i = begin; i < end;) {  // runs of one channel
        const std::int64_t run = std::min(end - i, e.inner - i % e.inner);
        const U of = static_cast<U>(bias[i / e.inner % e.axis]);
        apply(y + (i - begin), run, [of](U value) { return value + of; });
        i += run;
      }
      return;
    }
    case Op::kAddN: {
      // In the order of the operands: what is passed on may be any of them.
      constexpr std::int64_t kBlock = 1024;
      U sum[kBlock];
      for (std::int64_t i = 0; i < n; i += kBlock) {
        const std::int64_t count = std::min(kBlock, n - i);
        for (std::size_t k = 0; k < stage.operands.size(); ++k) {
          const S* const x = stage.operands[k] == nullptr ? y + i : operand(k) + i;
          if (x != y + i) prefetch_ahead(0, count, x);
          for (std::int64_t j = 0; j < count; ++j) sum[j] = (k == 0 ? U{0} : sum[j]) + static_cast<U>(x[j]);
        }
        for (std::int64_t j = 0; j < count; ++j) y[i + j] = static_cast<S>(sum[j]);
      }
      return;
    }
  }
}

template void ConvEpilogue::begin<Float16>(KernelContext&);
template void ConvEpilogue::begin<BFloat16>(KernelContext&);
template void ConvEpilogue::begin<float>(KernelContext&);
template void ConvEpilogue::begin<double>(KernelContext&);

}  // namespace gradus::cpu
