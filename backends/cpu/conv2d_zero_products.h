// Products of a zero and a value that is not finite, which are NaN, where docs/ops/conv2d.md wants them and only there.
// Pixels of the padding are zeros that take part in Conv2D and Conv2DBackpropFilter, but the kernels skip most of these
// products, because 0 * finite changes nothing. In Conv2DBackpropInput a pixel sums over the windows that exist, but the
// kernels also multiply by zeros beyond the output's border. This looks for such values after the kernel has run, in the
// filter (for Conv2DBackpropFilter: in out_backprop along the border), and puts the few results right. Where no such product
// exists (1x1 kernels; VALID, but for Conv2DBackpropInput) it costs nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/backends/cpu/conv2d_plan.h"
#include "gradus/core/kernel.h"

namespace gradus::cpu {

class ZeroProducts {
 public:
  ZeroProducts(const ConvGeometry& geometry, ConvDirection direction);

  // Whether there is such a product. S: the operands' element type.
  template <class S>
  bool matter(KernelContext& c) const;
  // Where they matter, after the kernel has written output 0.
  template <class S>
  void put_right(KernelContext& c) const;

 private:
  template <class S>
  std::vector<char> not_finite_by_tap(const S* filter) const;
  template <class S>
  void add_to_output(KernelContext& c) const;
  template <class S>
  void remove_from_image(KernelContext& c) const;
  template <class S>
  void add_to_filter(KernelContext& c) const;
  // Whether tap r, s of window i, j lies on the image, not on the padding.
  bool on_image(std::int64_t i, std::int64_t r, std::int64_t j, std::int64_t s) const;
  template <class S>
  bool border_is_finite(KernelContext& c, const S* out_backprop) const;

  ConvGeometry g_;
  ConvDirection direction_;
  bool any_ = false;  // whether there are such products at all
  // Window positions whose taps all lie on the image.
  WindowAxis::Range inner_rows_{0, 0}, inner_columns_{0, 0};
};

}  // namespace gradus::cpu
