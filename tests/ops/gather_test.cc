#include "gradus/ops/gather.h"

#include <gtest/gtest.h>

#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

TEST(Gather, ByHand) {
  Graph graph;
  const Output params = constant(graph, Tensor::from<std::int32_t>({2, 3}, {1, 2, 3, 4, 5, 6}));
  const auto ints = [&](std::vector<std::int32_t> v) { return constant(graph, v); };
  EXPECT_EQ(elements(run_both(gather(params, ints({1, 1, 0})))), (Values{4, 5, 6, 4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(elements(run_both(gather(params, ints({2, 0}), 1))), (Values{3, 1, 6, 4}));
}

TEST(Gather, AnIndexOutOfRangeNamesPositionAndValue) {
  Graph graph;
  const Output params = placeholder(graph, DType::kFloat32, {5, 2});
  const Output indices = placeholder(graph, DType::kInt64, {2, 2});
  const Output y = gather(params, indices, 0, "lookup");
  const Output dx = gather_grad(y, indices, constant(graph, std::vector<std::int32_t>{5, 2}));
  const Tensor bad = Tensor::from<std::int64_t>({2, 2}, {0, 4, 7, -1});
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    const Feeds feeds{{params, Tensor::zeros(DType::kFloat32, {5, 2})}, {indices, bad}};
    expect_error(Code::kOutOfRange, "indices[1,0] is 7, outside [0, 5)", [&] { session.run(feeds, {y}); });
    expect_error(Code::kOutOfRange, "[Gather 'lookup' at gather_test.cc:", [&] { session.run(feeds, {y}); });
    const Feeds both{{y, Tensor::zeros(DType::kFloat32, {2, 2, 2})}, {indices, bad}};
    expect_error(Code::kOutOfRange, "indices[1,0] is 7, outside [0, 5)", [&] { session.run(both, {dx}); });
  }
}

TEST(GatherGrad, RepeatedIndicesReceiveTheSum) {
  Graph graph;
  const Output dy = constant(graph, Tensor::from<double>({3, 2}, {1, 2, 10, 20, 100, 200}));
  const Output indices = constant(graph, std::vector<std::int32_t>{2, 0, 2});
  const Output shape = constant(graph, std::vector<std::int32_t>{4, 2});
  EXPECT_EQ(elements(run_both(gather_grad(dy, indices, shape))), (Values{10, 20, 0, 0, 101, 202, 0, 0}));
}

TEST(GatherGrad, ManyRepeatsIn16BitsAreSummedInFloat32) {
  // 4096 ones: float16 alone would stop at 2048, where 2048 + 1 rounds back to 2048, bfloat16 at 256.
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    Graph graph;
    const Output dy = constant(graph, Tensor::full(dtype, {4096}, 1.0));
    const Output indices = constant(graph, Tensor::zeros(DType::kInt32, {4096}));
    const Tensor sum = run_both(gather_grad(dy, indices, constant(graph, std::vector<std::int32_t>{2})));
    EXPECT_EQ(elements(sum), (Values{4096, 0}));
  }
}

TEST(OneHot, ByHandAndOutOfRangeIsOff) {
  Graph graph;
  const Output labels = constant(graph, std::vector<std::int32_t>{1, -1, 2, 3});
  EXPECT_EQ(elements(run_both(one_hot(labels, 3))), (Values{0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
  const OneHotAttrs columns{.depth = 2, .axis = 0, .on_value = 5, .off_value = -1, .dtype = DType::kInt64};
  EXPECT_EQ(elements(run_both(one_hot(constant(graph, std::vector<std::int64_t>{1, 0, 1}), columns))),
            (Values{-1, 5, -1, 5, -1, 5}));
  EXPECT_EQ(elements(run_both(one_hot(constant(graph, std::vector<std::uint8_t>{1}), 2, DType::kBool))),
            (Values{0, 1}));
}

}  // namespace
}  // namespace gradus
