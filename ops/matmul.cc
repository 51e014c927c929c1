#include "gradus/ops/matmul.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void product_shape(ShapeContext& c, const Shape& batch) {
  const auto& attrs = c.attrs<MatMulAttrs>();
  c.require_floating(0, "a");
  c.require_same_dtype(0, 1);
  const Shape& a = c.input_shape(0);
  const Shape& b = c.input_shape(1);
  const int row = a.rank() - 2, column = b.rank() - 2;  // where the matrices' dimensions begin
  const std::int64_t inner_a = a[attrs.transpose_a ? row : row + 1];
  const std::int64_t inner_b = b[attrs.transpose_b ? column + 1 : column];
  if (inner_a != inner_b && inner_a != kUnknownDim && inner_b != kUnknownDim) {
    c.fail(fmt::format("inner sizes {} and {} differ; got a {}{} and b {}{}", inner_a, inner_b, a.to_string(),
                       attrs.transpose_a ? " transposed" : "", b.to_string(), attrs.transpose_b ? " transposed" : ""));
  }
  Shape result = batch;
  result.push_back(a[attrs.transpose_a ? row + 1 : row]);
  result.push_back(b[attrs.transpose_b ? column : column + 1]);
  c.set_output(0, c.input_dtype(0), result);
}

void matmul_shape(ShapeContext& c) {
  c.require_rank(0, 2, "a");
  c.require_rank(1, 2, "b");
  product_shape(c, Shape{});
}

Shape leading_dims(ShapeContext& c, int i, const char* name) {
  const Shape& shape = c.input_shape(i);
  if (shape.rank() < 2) c.fail(fmt::format("{} must have at least rank 2; got shape {}", name, shape.to_string()));
  Shape leading;
  for (int axis = 0; axis < shape.rank() - 2; ++axis) leading.push_back(shape[axis]);
  return leading;
}

void batch_matmul_shape(ShapeContext& c) {
  product_shape(c, broadcast_shapes(leading_dims(c, 0, "a"), leading_dims(c, 1, "b")));
}

}  // namespace

Output matmul(const Output& a, const Output& b, const MatMulAttrs& attrs, At at) {
  return add_op("MatMul", {a, b}, attrs, at);
}

Output batch_matmul(const Output& a, const Output& b, const MatMulAttrs& attrs, At at) {
  return add_op("BatchMatMul", {a, b}, attrs, at);
}

void register_matmul_ops(OpRegistry& registry) {
  registry.add(def("MatMul", {"a", "b"}, {"c"}, matmul_shape, "c[i,j] = sum_l a[i,l] * b[l,j]").attrs(MatMulAttrs{}));
  registry.add(def("BatchMatMul", {"a", "b"}, {"c"}, batch_matmul_shape,
                   "c[...,i,j] = sum_l a[...,i,l] * b[...,l,j]; leading dimensions broadcast")
                   .attrs(MatMulAttrs{}));
}

}  // namespace gradus
