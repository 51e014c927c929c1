// c[...,i,j] = sum_l a[...,i,l] * b[...,l,j], as it stands.
#include "gradus/ops/matmul.h"

#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

Shape without_matrix(const Shape& shape) {
  Shape batch;
  for (int axis = 0; axis < shape.rank() - 2; ++axis) batch.push_back(shape[axis]);
  return batch;
}

void matmul(KernelContext& c) {
  const auto& attrs = c.attrs<MatMulAttrs>();
  const Shape &a = c.input(0).shape(), &b = c.input(1).shape(), &out = c.output(0).shape();
  const Shape batch = without_matrix(out), batch_a = without_matrix(a), batch_b = without_matrix(b);
  const std::int64_t m = out[out.rank() - 2], n = out[out.rank() - 1];
  const std::int64_t k = a[a.rank() - (attrs.transpose_a ? 2 : 1)];
  visit_floating(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    for (std::int64_t p = 0; p < batch.num_elements(); ++p) {
      const T* pa = c.input(0).data<T>() + broadcast_index(batch_a, batch, p) * m * k;
      const T* pb = c.input(1).data<T>() + broadcast_index(batch_b, batch, p) * k * n;
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t l = 0; l < k; ++l) {
            sum += static_cast<double>(pa[attrs.transpose_a ? l * m + i : i * k + l]) *
                   static_cast<double>(pb[attrs.transpose_b ? j * k + l : l * n + j]);
          }
          c.output(0).data<T>()[(p * m + i) * n + j] = static_cast<T>(sum);
        }
      }
    }
  });
}

}  // namespace

void register_matmul_kernels(KernelRegistry& kernels) {
  kernels.add("MatMul", kDevice, kFloating, matmul);
  kernels.add("BatchMatMul", kDevice, kFloating, matmul);
}

}  // namespace gradus::reference
