// What cannot be counted in int32, or has no dimension to work along, is refused while the graph is built. No kernel runs.
#include <gtest/gtest.h>

#include "gradus/ops/argmax.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/gather.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

constexpr Code kInvalid = Code::kInvalidArgument;

TEST(IndexLimits, ArgMaxToInt32NeedsPositionsThatFit) {
  Graph graph;
  const Output x = placeholder(graph, DType::kUInt8, {2200000000, 2});
  for (const auto& build : {argmax, argmin}) {
    expect_error(kInvalid, "the positions along axis 0 of [2200000000,2] do not fit int32; take output_type int64",
                 [&] { build(x, 0, DType::kInt32, {}); });
    EXPECT_EQ(build(x, 0, DType::kInt64, {}).shape(), (Shape{2}));
    EXPECT_EQ(build(x, 1, DType::kInt32, {}).shape(), (Shape{2200000000}));
  }
  const Output largest = placeholder(graph, DType::kUInt8, {2147483647});
  EXPECT_EQ(argmax(largest, 0, DType::kInt32).shape(), Shape{});
}

TEST(IndexLimits, ShapeAndSizeToo) {
  Graph graph;
  const Output x = placeholder(graph, DType::kUInt8, {2200000000, 2});
  expect_error(kInvalid, "a dimension does not fit int32; got [2200000000,2]", [&] { shape(x); });
  expect_error(kInvalid, "the element count does not fit int32; got [2200000000,2]", [&] { size(x); });
}

TEST(IndexLimits, ScalarsHaveNoDimensions) {
  Graph graph;
  const Output s = scalar(graph, 1, DType::kFloat32);
  expect_error(kInvalid, "scalars have no dimension to be joined along; stack() makes a vector of them; got 2 scalars",
               [&] {
                 concat({s, s}, 0);
               });
  const char* text = "a scalar has no axes; got axis 0";
  expect_error(kInvalid, text, [&] { split(s, 1, 0); });
  expect_error(kInvalid, text, [&] { unstack(s); });
  expect_error(kInvalid, text, [&] { argmax(s, 0); });
  expect_error(kInvalid, text, [&] { reduce_sum(s, {0}); });
  expect_error(kInvalid, text, [&] { gather(s, constant(graph, std::vector<std::int32_t>{0})); });
  EXPECT_EQ(stack({s, s}).shape(), (Shape{2}));
}

}  // namespace
}  // namespace gradus
