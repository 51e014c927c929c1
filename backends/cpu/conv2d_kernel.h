// The CPU's convolution kernels as the registration sees them. make_*() is called when a plan is compiled, run() per
// step.
#pragma once

#include <memory>

#include "gradus/backends/cpu/conv2d_plan.h"
#include "gradus/core/kernel.h"

namespace gradus::cpu {

class ConvKernel {
 public:
  explicit ConvKernel(const ConvGeometry& geometry, ConvPlan::Kind kind, std::size_t element_size, int lanes)
      : plan_(geometry, kind, element_size, lanes) {}
  virtual ~ConvKernel() = default;
  // `source` and `dest` are the tensors that plan() calls so, `filter` is the third operand or result.
  virtual void run(KernelContext& c) = 0;

  // Scratch memory: a part that all workers share, then one part per worker.
  std::size_t scratch_bytes(int workers) const {
    return shared_bytes_ + static_cast<std::size_t>(workers) * worker_bytes_;
  }

 protected:
  template <class T>
  T* shared_scratch(KernelContext& c) const {
    return c.scratch<T>();
  }
  template <class T>
  T* worker_scratch(KernelContext& c, int worker) const {
    return reinterpret_cast<T*>(c.scratch<char>() + shared_bytes_ + static_cast<std::size_t>(worker) * worker_bytes_);
  }
  template <class T>
  void reserve(std::int64_t shared_values, std::int64_t worker_values) {
    shared_bytes_ = aligned(static_cast<std::size_t>(shared_values) * sizeof(T));
    worker_bytes_ = aligned(static_cast<std::size_t>(worker_values) * sizeof(T));
  }

  ConvPlan plan_;

 private:
  // Whole cache lines, and one more, so that the workers' parts do not start at the same place of a cache's sets.
  static std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64 + 64; }
  std::size_t shared_bytes_ = 0, worker_bytes_ = 0;
};

// S: float16, float32 or float64. Conv2D: dest is output 0; Conv2DBackpropInput likewise, with operands in another
// order.
template <class S>
std::unique_ptr<ConvKernel> make_conv2d_windows(const ConvGeometry& geometry, ConvPlan::Kind kind);
template <class S>
std::unique_ptr<ConvKernel> make_conv2d_filter(const ConvGeometry& geometry);
// The same three for one channel per group.
template <class S>
std::unique_ptr<ConvKernel> make_depthwise_windows(const ConvGeometry& geometry, ConvPlan::Kind kind);
template <class S>
std::unique_ptr<ConvKernel> make_depthwise_filter(const ConvGeometry& geometry);

}  // namespace gradus::cpu
