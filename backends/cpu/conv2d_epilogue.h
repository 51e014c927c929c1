// What follows a convolution in the same pass (KernelRegistry::add_fused): biases and activations behind Conv2D, sums of gradients and
// activations' gradients behind Conv2DBackpropInput. Kernels call finish_rows() for rows of the result that they have just written,
// which then lie in the cache. The bits are those of one node after the other.
#pragma once

#include <vector>

#include "gradus/backends/cpu/kernels.h"
#include "gradus/ops/axis_extents.h"
#include "gradus/ops/conv_geometry.h"

namespace gradus::cpu {

class ConvEpilogue {
 public:
  // The chains that it knows: by op, what may follow. Registered in conv2d.cc for exactly these.
  static std::vector<std::vector<FusedOp>> forward_chains();
  static std::vector<std::vector<FusedOp>> gradient_chains();

  ConvEpilogue() = default;
  // prepare(): the nodes behind the first, by the names in the kernel's chain. `format`: of the convolution.
  ConvEpilogue(const KernelContext& c, DataFormat format);
  // compute(): finds the operands' memory, which may change from run to run. S: the element type.
  template <class S>
  void begin(KernelContext& c);

  // Rows [first, first + count) of an image of the result.
  void finish_rows(std::int64_t image, std::int64_t first, std::int64_t count) const;
  // All that there are.
  void finish_all() const;

 private:
  enum class Op { kBiasAdd, kRelu, kRelu6, kAddN, kReluGrad, kRelu6Grad };
  struct Stage {
    Op op;
    int node;
    AxisExtents channels = {};               // of a bias
    std::vector<const void*> operands = {};  // nullptr: what is passed on
    std::int64_t repeat = 1;                 // of a bias over few channels: how often it stands in `repeated`,
    std::vector<char> repeated = {};         // one behind the other, so that loops over it are long
  };
  template <class S>
  static void run_stages(const ConvEpilogue& self, std::int64_t begin, std::int64_t end);
  template <class S>
  void run_stage(const Stage& stage, S* y, std::int64_t begin, std::int64_t end) const;

  std::vector<Stage> stages_;
  void* result_ = nullptr;
  void (*run_)(const ConvEpilogue&, std::int64_t, std::int64_t) = nullptr;  // of the element type
  DataFormat format_ = DataFormat::kNHWC;
  std::int64_t rows_per_step_ = 1;  // NHWC
  std::int64_t batch_ = 0, h_ = 0, w_ = 0, channels_ = 0;
};

}  // namespace gradus::cpu
