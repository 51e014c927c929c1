#include "gradus/ops/concat.h"
#include "gradus/ops/pad.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/tile.h"
#include "gradus/ops/transpose.h"

#include <gtest/gtest.h>

#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

class Layout : public ::testing::Test {
 protected:
  // 0, 1, 2, ... as a constant.
  Output counting(const Shape& shape, DType dtype = DType::kFloat32) {
    Tensor t(dtype, shape);
    for (std::int64_t i = 0; i < t.num_elements(); ++i) t.set(i, static_cast<double>(i));
    return constant(graph, t);
  }
  Graph graph;
};

TEST_F(Layout, TransposeByHand) {
  EXPECT_EQ(elements(run_both(transpose(counting({2, 3})))), (Values{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(elements(run_both(transpose(counting({2, 2, 2}), {1, 2, 0}))), (Values{0, 4, 1, 5, 2, 6, 3, 7}));
}

TEST_F(Layout, TransposeOfEveryDTypeAndAwkwardSizesMatchesTheIndexFormula) {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64, DType::kInt32,
                            DType::kInt64, DType::kUInt8, DType::kBool}) {
    const Output x = counting({2, 67, 35, 3}, dtype);
    const Tensor nchw = run_both(transpose(x, {0, 3, 1, 2}));
    const Tensor input = run_both(identity(x));
    ASSERT_EQ(nchw.shape(), Shape({2, 3, 67, 35}));
    for (std::int64_t i = 0; i < nchw.num_elements(); ++i) {
      const std::int64_t w = i % 35, h = i / 35 % 67, c = i / (35 * 67) % 3, n = i / (35 * 67 * 3);
      ASSERT_EQ(nchw.at(i), input.at(((n * 67 + h) * 35 + w) * 3 + c)) << dtype_name(dtype) << " " << i;
    }
    EXPECT_TRUE(bit_equal(run_both(transpose(transpose(x, {0, 3, 1, 2}), {0, 2, 3, 1})), input));
  }
}

TEST_F(Layout, ConcatSplitStackUnstackByHand) {
  const Output a = counting({2, 2}), b = counting({2, 1});
  EXPECT_EQ(elements(run_both(concat({a, b}, 1))), (Values{0, 1, 0, 2, 3, 1}));
  EXPECT_EQ(elements(run_both(concat({a, transpose(b)}, 0))), (Values{0, 1, 2, 3, 0, 1}));
  const auto pieces = split_sizes(counting({2, 3}), {1, 2}, 1);
  EXPECT_EQ(elements(run_both(pieces[0])), (Values{0, 3}));
  EXPECT_EQ(elements(run_both(pieces[1])), (Values{1, 2, 4, 5}));
  EXPECT_EQ(elements(run_both(stack({a, a}, 2))), (Values{0, 0, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(elements(run_both(unstack(counting({2, 3}), 1)[1])), (Values{1, 4}));
}

TEST_F(Layout, SlicesByHand) {
  const Output x = counting({3, 4});  // 0 1 2 3 / 4 5 6 7 / 8 9 10 11
  EXPECT_EQ(elements(run_both(slice(x, {1, 1}, {2, -1}))), (Values{5, 6, 7, 9, 10, 11}));
  EXPECT_EQ(elements(run_both(strided_slice(x, {2, -1}, {0, 0}, {-1, -2}))),
            (Values{11, 9, 7, 5}));  // x[2:0:-1, -1:0:-2]
  EXPECT_EQ(elements(run_both(
                strided_slice(x, {0, 1}, {0, 2}, {1, 1}, {.begin_mask = 1, .end_mask = 1, .shrink_axis_mask = 2}))),
            (Values{1, 5, 9}));  // x[:, 1]
  const Tensor last = run_both(strided_slice(x, {0, -1}, {0, 0}, {1, 1}, {.ellipsis_mask = 1, .shrink_axis_mask = 2}));
  EXPECT_EQ(elements(last), (Values{3, 7, 11}));  // x[..., -1]
  EXPECT_EQ(run_both(strided_slice(x, {0, 0}, {0, 2}, {1, 1}, {.new_axis_mask = 1})).shape(), Shape({1, 2, 4}));
}

TEST_F(Layout, SliceBoundsMayBeFed) {
  const Output x = counting({5});
  const Output begin = placeholder(graph, DType::kInt32, {1});
  const Output y = slice(x, begin, constant(graph, std::vector<std::int32_t>{2}));
  ASSERT_EQ(y.shape(), Shape({2}));
  EXPECT_EQ(elements(run_both(y, {{begin, Tensor::from<std::int32_t>({3})}})), (Values{3, 4}));
  expect_error(Code::kOutOfRange, "the slice leaves axis 0 of shape [5]; got begin [4], size [2]", [&] {
    Session session(graph);
    session.run({{begin, Tensor::from<std::int32_t>({4})}}, {y});
  });
}

TEST_F(Layout, GradientsOfSlicesPutTheGradientBackByHand) {
  const Output dy = constant(graph, std::vector<double>{1, 2});
  const auto ints = [&](std::vector<std::int32_t> v) { return constant(graph, v); };
  EXPECT_EQ(elements(run_both(slice_grad(dy, ints({1}), ints({4})))), (Values{0, 1, 2, 0}));
  EXPECT_EQ(elements(run_both(strided_slice_grad(dy, ints({5}), ints({4}), ints({0}), ints({-3}), {}))),
            (Values{0, 2, 0, 0, 1}));
}

TEST_F(Layout, PadsByHand) {
  const Output x = counting({2, 3}, DType::kInt32);  // 0 1 2 / 3 4 5
  EXPECT_EQ(elements(run_both(pad(x, {0, 1, 1, 0}, PadMode::kConstant, 9))),
            (Values{9, 0, 1, 2, 9, 3, 4, 5, 9, 9, 9, 9}));
  // NumPy: np.pad([[0,1,2],[3,4,5]], ((1,0),(2,1)), 'reflect')
  EXPECT_EQ(elements(run_both(pad(x, {1, 0, 2, 1}, PadMode::kReflect))),
            (Values{5, 4, 3, 4, 5, 4, 2, 1, 0, 1, 2, 1, 5, 4, 3, 4, 5, 4}));
  // [a b c] reflected by 2 and 2 is c b a b c b a: position i of dy goes to 2 1 0 1 2 1 0.
  const Output dy = constant(graph, std::vector<double>{1, 2, 4, 8, 16, 32, 64});
  EXPECT_EQ(elements(run_both(mirror_pad_grad(dy, {{2, 2}}))), (Values{4 + 64, 2 + 8 + 32, 1 + 16}));
}

TEST_F(Layout, TilesByHand) {
  EXPECT_EQ(elements(run_both(tile(counting({2, 2}), {2, 2}))),
            (Values{0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3}));
  const auto ints = [&](std::vector<std::int32_t> v) { return constant(graph, v); };
  EXPECT_EQ(elements(run_both(tile_grad(counting({2, 4}), ints({2, 2}), ints({1, 2})))),
            (Values{0 + 2 + 4 + 6, 1 + 3 + 5 + 7}));
}

TEST_F(Layout, LargeTensorsAreSplitOverThreadsWithoutGapsOrOverlaps) {
  const Output x = counting({301, 257}, DType::kInt32);
  const Tensor padded = run_both(pad(x, {3, 4, 5, 6}, PadMode::kConstant, -1));
  const Tensor cut = run_both(slice(pad(x, {3, 4, 5, 6}), {3, 5}, {301, 257}));
  EXPECT_TRUE(bit_equal(cut, run_both(identity(x))));
  EXPECT_EQ(padded.at(0), -1);
  EXPECT_TRUE(bit_equal(run_both(transpose(transpose(x))), run_both(identity(x))));
  EXPECT_TRUE(bit_equal(run_both(concat(split(x, 7, 0), 0)), run_both(identity(x))));
  EXPECT_TRUE(bit_equal(run_both(stack(unstack(x, 1), 1)), run_both(identity(x))));
}

}  // namespace
}  // namespace gradus
