// Convolutions by cuDNN without a GPU: the plans are cuDNN's own, made for an H200; what they say of themselves is carried out by an
// interpreter on the emulator and compared with loops that share no code with the library. Thus every stride, padding, layout and number
// of a tensor in the descriptors is proven, and that under the default policy each convolution has an engine.
#include <gradus/gradus.h>
#include <gradus/nn/losses.h>
#include <gtest/gtest.h>

#include "tests/cuda/emulated_cudnn.h"
#include "tests/cuda/model_convolutions.h"
#include "tests/cuda_emulator/emulator.h"
#include "tests/support/conv2d_matrix.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

using testing::ConvCase;
using testing::ConvResults;

constexpr struct {
  DType dtype;
  double tolerance;
} kTolerances[] = {
    {DType::kFloat64, 1e-12}, {DType::kFloat32, 1e-5}, {DType::kFloat16, 2e-3}, {DType::kBFloat16, 1e-2}};

void expect_near(const ConvResults& got, const ConvResults& expected, double tolerance, const std::string& what) {
  EXPECT_LE(testing::relative_difference(got.y, expected.y), tolerance) << "conv2d " << what;
  EXPECT_LE(testing::relative_difference(got.dx, expected.dx), tolerance) << "conv2d_backprop_input " << what;
  EXPECT_LE(testing::relative_difference(got.dw, expected.dw), tolerance) << "conv2d_backprop_filter " << what;
}

// `plans`: by how many plans of cuDNN the three are computed. `every_dtype`: or float32 alone.
void check_convolutions(const std::vector<ConvCase>& cases, int plans = 3, bool every_dtype = true) {
  ASSERT_FALSE(cases.empty());
  cuda_emulator::reset({.seed = 3});
  for (const ConvCase& c : cases) {
    const ConvResults expected = testing::naive_convolutions(c, testing::conv_operands(c, DType::kFloat64));
    for (const auto& [dtype, tolerance] : kTolerances) {
      if (!every_dtype && dtype != DType::kFloat32) continue;
      const int before = testing::executed_cudnn_plans();
      const ConvResults got = testing::run_convolutions(c, testing::conv_operands(c, dtype), "cuda:0");
      expect_near(got, expected, tolerance, std::string(dtype_name(dtype)) + " " + c.name);
      EXPECT_EQ(testing::executed_cudnn_plans() - before, plans) << dtype_name(dtype) << " " << c.name;
    }
    if (::testing::Test::HasFailure()) FAIL() << "stopped at " << c.name << " " << cuda_emulator::failure();
  }
}

TEST(CudnnConv2D, SpecialShapes) { check_convolutions(testing::special_conv_cases()); }
TEST(CudnnConv2D, SmallMatrixValid) { check_convolutions(testing::small_conv_matrix(Padding::kValid)); }
TEST(CudnnConv2D, SmallMatrixSame) { check_convolutions(testing::small_conv_matrix(Padding::kSame)); }
TEST(CudnnConv2D, SmallMatrixExplicit) { check_convolutions(testing::small_conv_matrix(Padding::kExplicit)); }
TEST(CudnnConv2DLong, MatrixValid) { check_convolutions(testing::conv_matrix(Padding::kValid)); }
TEST(CudnnConv2DLong, MatrixSame) { check_convolutions(testing::conv_matrix(Padding::kSame)); }
TEST(CudnnConv2DLong, MatrixExplicit) { check_convolutions(testing::conv_matrix(Padding::kExplicit)); }

// The project's own kernels, which a user can ask for.
std::vector<ConvCase> without_cudnn(std::vector<ConvCase> cases) {
  for (ConvCase& c : cases) c.attrs.use_cudnn_on_gpu = false;
  return cases;
}
TEST(PlainConv2D, SpecialShapes) { check_convolutions(without_cudnn(testing::special_conv_cases()), 0, false); }
TEST(PlainConv2D, SmallMatrixValid) {
  check_convolutions(without_cudnn(testing::small_conv_matrix(Padding::kValid)), 0);
}
TEST(PlainConv2D, SmallMatrixSame) { check_convolutions(without_cudnn(testing::small_conv_matrix(Padding::kSame)), 0); }
TEST(PlainConv2D, SmallMatrixExplicit) {
  check_convolutions(without_cudnn(testing::small_conv_matrix(Padding::kExplicit)), 0);
}

// With the images of its own data set, two at a time.
void check_model(const std::string& model) { check_convolutions(testing::model_convolutions(model, 2)); }
TEST(CudnnModels, Lenet5) { check_model("lenet5"); }
TEST(CudnnModels, DeepMnist) { check_model("deep_mnist"); }
TEST(CudnnModels, Resnet20) { check_model("resnet20"); }

// Engines are tried on memory of their own, which is given back, and the result is that of any of them.
TEST(CudnnAutotune, TakesOneOfSeveral) {
  cuda_emulator::reset();
  Graph graph;
  const Output x = constant(graph, testing::coarse_random(DType::kFloat32, {2, 6, 5, 4}, 1));
  const Output w = variable(graph, testing::coarse_random(DType::kFloat32, {3, 2, 4, 8}, 2), "w");
  const Output y = conv2d(x, w);
  const Tensor expected = Session(graph, {.device = "ref:0"}).run(y);
  {
    Session session(graph, {.device = "cuda:0", .autotune = true});
    const int before = testing::executed_cudnn_plans();
    EXPECT_LE(testing::relative_difference(session.run(y), expected), 1e-5);
    const int tried = testing::executed_cudnn_plans() - before;
    EXPECT_GE(tried, 2 * 6 + 1) << "two engines or more, six times each, and the run";
    const std::string plan = session.explain(y);
    EXPECT_NE(plan.find(", the fastest of "), std::string::npos) << plan;
    (void)session.run(y);
    EXPECT_EQ(testing::executed_cudnn_plans() - before, tried + 1) << "a plan is made once";
  }
  EXPECT_EQ(cuda_emulator::counts().live_allocations, 0U);
}

// One that is refused when it is started is left out; where all are, the plan cannot be made.
TEST(CudnnAutotune, LeavesOutWhatFails) {
  cuda_emulator::reset();
  Graph graph;
  const Output x = constant(graph, testing::coarse_random(DType::kFloat32, {2, 6, 5, 4}, 1));
  const Output w = variable(graph, testing::coarse_random(DType::kFloat32, {3, 2, 4, 8}, 2), "w");
  const Output y = conv2d(x, w, {}, At{"conv"});
  testing::refuse_cudnn_plans(1);
  Session session(graph, {.device = "cuda:0", .autotune = true});
  EXPECT_LE(testing::relative_difference(session.run(y), Session(graph, {.device = "ref:0"}).run(y)), 1e-5);
  EXPECT_NE(session.explain(y).find(", the fastest of "), std::string::npos);
  testing::refuse_cudnn_plans(1000);
  expect_error(Code::kInternal, "[Conv2D 'conv' at cudnn_conv_test.cc:", [&] {
    Session(graph, {.device = "cuda:0", .autotune = true}).run(y);
  });
  testing::refuse_cudnn_plans(0);
}

// Engines for tensor cores, which cuDNN recommends first, and those without a fixed order are taken where the options say so.
TEST(CudnnPolicy, FollowsTheOptions) {
  cuda_emulator::reset();
  Graph graph;
  std::vector<Output> fetches;
  for (const std::int64_t channels : {1, 3, 16}) {
    const Output x = placeholder(graph, DType::kFloat32, {64, 32, 32, channels});
    const Output w = variable(graph, Tensor::zeros(DType::kFloat32, {3, 3, channels, 32}), "w");
    const Output y = conv2d(x, w, {.padding = Padding::kSame});
    fetches.push_back(y);
    for (const Output& gradient : gradients({reduce_sum(y)}, {x, w})) fetches.push_back(gradient);
  }
  Feeds feeds;
  for (int i = 0; i < graph.num_nodes(); ++i) {
    const Output output = graph.node(i).output(0);
    if (graph.node(i).op() == "Placeholder") feeds.emplace_back(output, Tensor::zeros(output.dtype(), output.shape()));
  }
  const auto plan = [&](SessionOptions options) {
    options.device = "cuda:0";
    Session session(graph, options);
    std::string kernels;
    for (const PlanReport::Step& step : session.report(feeds, fetches).steps) kernels += step.kernel + "\n";
    return kernels;
  };
  const std::string strict = plan({});
  EXPECT_EQ(strict.find("tf32"), std::string::npos) << strict;
  EXPECT_EQ(strict.find("not deterministic"), std::string::npos) << strict;
  EXPECT_EQ(strict.find("plain kernel"), std::string::npos) << strict;
  EXPECT_NE(plan({.allow_tf32 = true}).find("tensor cores (tf32)"), std::string::npos);
  EXPECT_NE(plan({.deterministic = false}).find("not deterministic"), std::string::npos);
}

// What is fused.

struct Layer {
  Layer(DType dtype, DataFormat format, const Shape& image, const Shape& filter, bool relu_after, bool cudnn = true) {
    x = placeholder(graph, dtype, image, "x");
    w = placeholder(graph, dtype, filter, "w");
    b = placeholder(graph, dtype, {filter[3]}, "b");
    y = bias_add(conv2d(x, w, {.use_cudnn_on_gpu = cudnn, .data_format = format}), b, {.data_format = format});
    if (relu_after) y = relu(y);
    feeds = {{x, testing::coarse_random(dtype, image, 1)},
             {w, testing::coarse_random(dtype, filter, 2)},
             {b, testing::coarse_random(dtype, {filter[3]}, 3)}};
  }
  Graph graph;
  Output x, w, b, y;
  Feeds feeds;
};

TEST(CudnnFusion, BiasAndReluAreComputedWithTheConvolution) {
  for (const auto& [dtype, tolerance] : kTolerances) {
    for (const bool nhwc : {true, false}) {
      for (const bool relu_after : {true, false}) {
        for (const bool cudnn : {true, false}) {
          cuda_emulator::reset();
          const Layer layer(dtype, nhwc ? DataFormat::kNHWC : DataFormat::kNCHW,
                            nhwc ? Shape{2, 5, 4, 3} : Shape{2, 3, 5, 4}, {3, 2, 3, 5}, relu_after, cudnn);
          Session session(layer.graph, {.device = "cuda:0"});
          Session reference(layer.graph, {.device = "ref:0"});
          const int before = testing::executed_cudnn_plans();
          const Tensor y = session.run(layer.feeds, layer.y);
          EXPECT_EQ(testing::executed_cudnn_plans() - before, cudnn ? 1 : 0);
          EXPECT_LE(testing::relative_difference(y, reference.run(layer.feeds, layer.y)), tolerance)
              << dtype_name(dtype);
          const std::string plan = session.explain(layer.y, layer.feeds);
          EXPECT_NE(plan.find(relu_after ? "Conv2D+BiasAdd+Relu" : "Conv2D+BiasAdd"), std::string::npos) << plan;
          EXPECT_NE(plan.find(cudnn ? "cuDNN" : "plain kernel: use_cudnn_on_gpu is false"), std::string::npos) << plan;
        }
      }
    }
  }
}

TEST(CudnnFusion, ABiasOfOtherChannelsIsAddedByThePlainKernel) {
  cuda_emulator::reset();
  Graph graph;
  const Output x = constant(graph, testing::coarse_random(DType::kFloat32, {1, 4, 3, 2}, 1));
  const Output w = variable(graph, testing::coarse_random(DType::kFloat32, {2, 2, 2, 3}, 2), "w");
  const Output b = constant(graph, testing::coarse_random(DType::kFloat32, {4}, 3));
  const Output y = bias_add(conv2d(x, w), b, {.data_format = DataFormat::kNCHW});
  Session session(graph, {.device = "cuda:0"});
  EXPECT_EQ(testing::relative_difference(session.run(y), Session(graph, {.device = "ref:0"}).run(y)), 0.0);
  EXPECT_NE(session.explain(y).find("plain kernel: the bias has another data_format"), std::string::npos);
}

// More filters than one kernel packs, of two sizes of elements, in both orders that cuDNN has.
struct ManyFilters {
  ManyFilters() {
    for (int i = 0; i < 45; ++i) add(DType::kFloat32, i % 3 == 0 ? DataFormat::kNCHW : DataFormat::kNHWC);
    for (int i = 0; i < 2; ++i) add(DType::kFloat16, DataFormat::kNHWC);
  }
  void add(DType dtype, DataFormat format) {
    const bool nhwc = format == DataFormat::kNHWC;
    const auto seed = static_cast<std::uint64_t>(filters.size());
    const Output x = constant(graph, testing::coarse_random(dtype, nhwc ? Shape{1, 3, 4, 2} : Shape{1, 2, 3, 4}, seed));
    // The last one has more elements than a block of threads packs.
    const Shape shape = seed == 44 ? Shape{2, 3, 2, 120} : Shape{2, 3, 2, 3};
    filters.push_back(variable(graph, testing::coarse_random(dtype, shape, 100 + seed), "w"));
    const Output y = conv2d(x, filters.back(), {.data_format = format});
    results.push_back(y);
    results.push_back(gradients({reduce_sum(y)}, {x})[0]);
  }
  // Of both devices, the same.
  void expect_same(Session& cuda, Session& reference, const char* what) const {
    const std::vector<Tensor> got = cuda.run(results), expected = reference.run(results);
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_LE(testing::relative_difference(got[i], expected[i]), got[i].dtype() == DType::kFloat32 ? 1e-5 : 2e-3)
          << what << ", result " << i;
  }
  Graph graph;
  std::vector<Output> filters, results;
};

TEST(CudnnFilters, FollowTheirVariables) {
  cuda_emulator::reset();
  const ManyFilters many;
  Session cuda(many.graph, {.device = "cuda:0"}), reference(many.graph, {.device = "ref:0"});
  for (int run = 0; run < 3; ++run) many.expect_same(cuda, reference, "at first");
  std::vector<std::pair<Output, Tensor>> values;
  for (const Output& w : many.filters)
    values.emplace_back(w, testing::coarse_random(w.dtype(), w.shape(), 900 + values.size()));
  cuda.set_values(values);
  reference.set_values(values);
  for (int run = 0; run < 2; ++run) many.expect_same(cuda, reference, "when they were set");
  const PlanReport report = cuda.report({}, many.results);
  int packed = 0;
  for (const PlanReport::Source& source : report.sources) packed += source.packed_bytes > 0;
  EXPECT_EQ(packed, 47) << "one per variable, for the convolution and its gradient";
}

// Sizes that are fed are known in the run, where the kernel is prepared once more.
TEST(CudnnFilters, AreThoseOfVariablesAlsoWhereSizesAreFed) {
  cuda_emulator::reset();
  Graph graph;
  const Output sizes = placeholder(graph, DType::kInt32, {4}, "sizes");
  const Output w = variable(graph, testing::coarse_random(DType::kFloat32, {2, 2, 3, 4}, 2), "w");
  const Output dy = constant(graph, testing::coarse_random(DType::kFloat32, {1, 3, 4, 4}, 3));
  const Output dx = conv2d_backprop_input(sizes * constant(graph, Tensor::scalar(std::int32_t{1})), w, dy,
                                          {.padding = Padding::kValid});
  const Feeds feeds = {{sizes, Tensor::from<std::int32_t>({1, 4, 5, 3})}};
  Session cuda(graph, {.device = "cuda:0"}), reference(graph, {.device = "ref:0"});
  for (int run = 0; run < 3; ++run) {
    const Tensor value = testing::coarse_random(DType::kFloat32, {2, 2, 3, 4}, static_cast<std::uint64_t>(run));
    cuda.set_value(w, value);
    reference.set_value(w, value);
    EXPECT_LE(testing::relative_difference(cuda.run(feeds, dx), reference.run(feeds, dx)), 1e-5);
  }
}

}  // namespace
}  // namespace gradus
