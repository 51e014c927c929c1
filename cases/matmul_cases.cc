// Cases of the matrix products: all transposes, vectors, empty sums, blocks in both directions, broadcast batches.
#include "cases/all_cases.h"
#include "gradus/ops/matmul.h"

namespace gradus::cases {
namespace {

Shape matrices(const Shape& batch, std::int64_t rows, std::int64_t columns, bool transposed) {
  Shape shape = batch;
  shape.push_back(transposed ? columns : rows);
  shape.push_back(transposed ? rows : columns);
  return shape;
}

// a [batch_a, m, k] times b [batch_b, k, n] under all four transposes.
void add_products(std::vector<OpCase>& cases, const char* op, const std::string& name, const Shape& batch_a,
                  const Shape& batch_b, std::int64_t m, std::int64_t k, std::int64_t n) {
  const bool large = m * k * n > 1000;
  for (int transposes = 0; transposes < 4; ++transposes) {
    const MatMulAttrs attrs{.transpose_a = (transposes & 1) != 0, .transpose_b = (transposes & 2) != 0};
    const std::string suffix = std::string(attrs.transpose_a ? "_ta" : "") + (attrs.transpose_b ? "_tb" : "");
    cases.push_back({.op = op,
                     .name = name + suffix,
                     .operands = {real(matrices(batch_a, m, k, attrs.transpose_a)),
                                  real(matrices(batch_b, k, n, attrs.transpose_b))},
                     .attrs = attrs,
                     .dtypes = kCaseDTypes,
                     .max_order = large ? 0 : 2,
                     .max_order_reason = large ? "the formula of the smaller cases" : ""});
  }
}

}  // namespace

void add_matmul_cases(std::vector<OpCase>& cases) {
  const auto matmul = [&](const char* name, std::int64_t m, std::int64_t k, std::int64_t n) {
    add_products(cases, "MatMul", name, {}, {}, m, k, n);
  };
  matmul("small", 3, 4, 5);
  matmul("row_times_matrix", 1, 4, 3);
  matmul("matrix_times_column", 3, 4, 1);
  matmul("dot_product", 1, 5, 1);
  matmul("sum_over_nothing", 2, 0, 3);
  matmul("no_rows", 0, 2, 3);
  matmul("row_blocks", 331, 67, 145);
  matmul("column_blocks", 37, 90, 901);
  matmul("long_row", 1, 1100, 1901);

  const auto batch = [&](const char* name, const Shape& batch_a, const Shape& batch_b, std::int64_t m, std::int64_t k,
                         std::int64_t n) { add_products(cases, "BatchMatMul", name, batch_a, batch_b, m, k, n); };
  batch("no_batch", {}, {}, 2, 3, 4);
  batch("same", {2}, {2}, 2, 3, 4);
  batch("shared_a", {1}, {3}, 2, 2, 3);
  batch("shared_b", {2, 3}, {}, 2, 2, 3);
  batch("crossed", {2, 1}, {3}, 2, 2, 2);
  batch("empty_batch", {0}, {1}, 2, 2, 2);
  batch("many_small", {97}, {97}, 9, 11, 10);
  batch("blocks", {2}, {1}, 250, 64, 150);
}

}  // namespace gradus::cases
