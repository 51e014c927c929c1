// gradus op: results against hand-written loops, both devices, every kind of operand, and every kind of misuse.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gradus/core/tensor.h"
#include "gradus/io/npy.h"
#include "tests/tools/run_tool.h"

namespace gradus {
namespace {

using Words = std::vector<std::string>;

class OpCommand : public ToolTest {
 protected:
  void save(const std::string& name, const Tensor& tensor) const { io::save_npy(path(name), tensor); }
  Tensor load(const std::string& name) const { return io::load_npy(path(name)); }
  bool exists(const std::string& name) const { return std::filesystem::exists(path(name)); }

  void expect_success(const Words& words) const {
    const ToolResult result = run(words);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
  }
};

// dx[n, i*stride - pad + r*dilation, ..., c] += dy[n,i,j,k] * w[r,s,c,k]: the definition, in float64.
Tensor plain_backprop_input(const Shape& sizes, const Tensor& w, const Tensor& dy, std::int64_t stride,
                            std::int64_t pad, std::int64_t dilation) {
  Tensor dx = Tensor::zeros(DType::kFloat64, sizes);
  const auto at = [](const Tensor& t, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
    const Shape& s = t.shape();
    return ((a * s[1] + b) * s[2] + c) * s[3] + d;
  };
  for (std::int64_t n = 0; n < dy.shape()[0]; ++n)
    for (std::int64_t i = 0; i < dy.shape()[1]; ++i)
      for (std::int64_t j = 0; j < dy.shape()[2]; ++j)
        for (std::int64_t k = 0; k < dy.shape()[3]; ++k)
          for (std::int64_t r = 0; r < w.shape()[0]; ++r)
            for (std::int64_t s = 0; s < w.shape()[1]; ++s)
              for (std::int64_t c = 0; c < w.shape()[2]; ++c) {
                const std::int64_t row = i * stride - pad + r * dilation;
                const std::int64_t column = j * stride - pad + s * dilation;
                if (row < 0 || row >= sizes[1] || column < 0 || column >= sizes[2]) continue;
                const std::int64_t target = at(dx, n, row, column, c);
                dx.set(target, dx.at(target) + dy.at(at(dy, n, i, j, k)) * w.at(at(w, r, s, c, k)));
              }
  return dx;
}

TEST_F(OpCommand, ConvolutionGradientEqualsItsDefinitionOnBothDevices) {
  for (DType dtype : {DType::kFloat64, DType::kFloat32, DType::kFloat16}) {
    const double tolerance = dtype == DType::kFloat64 ? 1e-12 : dtype == DType::kFloat32 ? 1e-5 : 2e-2;
    const Tensor w = random_normal_tensor(dtype, {3, 3, 3, 4}, 1);
    const Tensor dy = random_normal_tensor(dtype, {2, 3, 3, 4}, 2);
    save("w.npy", w);
    save("dy.npy", dy);
    // SAME, size 5, stride 2, kernel 3: output 3, total padding 2, one before. EXPLICIT with 1 and 1 is the same.
    const Tensor expected = plain_backprop_input({2, 5, 5, 3}, w, dy, 2, 1, 1);
    for (const char* device : {"cpu:0", "ref:0"}) {
      for (const Words& padding :
           {Words{"--padding", "SAME"}, Words{"--padding", "EXPLICIT", "--explicit-paddings", "0,0,1,1,1,1,0,0"}}) {
        Words words = {"op",
                       "conv2d_backprop_input",
                       "--input-sizes",
                       "2,5,5,3",
                       "--filter",
                       "w.npy",
                       "--out-backprop",
                       "dy.npy",
                       "--strides",
                       "1,2,2,1",
                       "--data-format",
                       "NHWC",
                       "--dilations",
                       "1,1,1,1",
                       "--use-cudnn-on-gpu",
                       "true",
                       "--device",
                       device,
                       "--threads",
                       "2",
                       "--out",
                       "dx.npy"};
        words.insert(words.end(), padding.begin(), padding.end());
        expect_success(words);
        const Tensor dx = load("dx.npy");
        EXPECT_EQ(dx.dtype(), dtype);
        EXPECT_LE(max_abs_difference(dx.cast(DType::kFloat64), expected), tolerance)
            << dtype_name(dtype) << " " << device;
      }
    }
  }
}

TEST_F(OpCommand, EverySpellingOfANameIsTheSameOp) {
  save("x.npy", Tensor::from<float>({2, 2}, {1, 2, 3, 4}));
  for (const char* name : {"Sum", "sum", "reduce_sum", "reduce-sum", "SUM"}) {
    expect_success({"op", name, "--x", "x.npy", "--axes", "-1", "--out", "y.npy"});
    EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::from<float>({3, 7}))) << name;
  }
}

TEST_F(OpCommand, AttributesTakeTheirDefaultsAndBothWaysOfWriting) {
  save("x.npy", Tensor::from<double>({2, 2}, {1, 2, 3, 4}));
  expect_success({"op", "sum", "--x=x.npy", "--axes=0", "--keep-dims=true", "--out=y.npy"});
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::from<double>({1, 2}, {4, 6})));
  expect_success({"op", "sum", "--x", "x.npy", "--axes", "[0,1]", "--out", "y.npy"});
  EXPECT_EQ(load("y.npy").at(0), 10);
}

TEST_F(OpCommand, OperandsOfAVariadicOpAreRepeated) {
  save("a.npy", Tensor::from<float>({1, 2}));
  save("b.npy", Tensor::from<float>({10, 20}));
  expect_success({"op", "add_n", "--values", "a.npy", "--values", "b.npy", "--values", "b.npy", "--out", "y.npy"});
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::from<float>({21, 42})));
}

TEST_F(OpCommand, ListsOfIntegersAreInt32VectorsAndALoneOneIsAScalarWhereNeeded) {
  expect_success({"op", "fill", "--dims", "2,3", "--value", "7", "--out", "y.npy"});
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::full(DType::kInt32, {2, 3}, 7)));
  expect_success({"op", "fill", "--dims", "3", "--value", "7", "--out", "y.npy"});  // a vector and a scalar
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::full(DType::kInt32, {3}, 7)));
  expect_success({"op", "range", "--start", "-2", "--limit", "7", "--delta", "3", "--out", "y.npy"});
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::from<std::int32_t>({-2, 1, 4})));
  expect_success({"op", "identity", "--x", "-5", "--out", "y.npy"});
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::from<std::int32_t>({-5})));
  expect_success({"op", "shape", "--x", "[]", "--out", "y.npy"});
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::from<std::int32_t>({0})));
}

TEST_F(OpCommand, AnOpThatOverwritesAVariableStartsFromTheFile) {
  save("v.npy", Tensor::from<float>({1, 2}));
  save("d.npy", Tensor::from<float>({0.5, -2}));
  expect_success({"op", "assign_sub", "--variable", "v.npy", "--value", "d.npy", "--out", "y.npy"});
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::from<float>({0.5, 4})));
  EXPECT_TRUE(bit_equal(load("v.npy"), Tensor::from<float>({1, 2})));  // the file itself stays
}

TEST_F(OpCommand, RandomOpsFollowTheSeed) {
  const auto draw = [&](const char* seed, const char* threads) {
    expect_success(
        {"op", "random_normal", "--shape", "100", "--run-seed", seed, "--threads", threads, "--out", "y.npy"});
    return load("y.npy");
  };
  EXPECT_TRUE(bit_equal(draw("1", "1"), draw("1", "2")));
  EXPECT_FALSE(bit_equal(draw("1", "1"), draw("2", "1")));
}

TEST_F(OpCommand, ThreadsZeroIsOnePerProcessorAsInTheTrainingPrograms) {
  save("x.npy", Tensor::from<float>({-1, 2}));
  expect_success({"op", "relu", "--x", "x.npy", "--threads", "0", "--out", "y.npy"});
  EXPECT_TRUE(bit_equal(load("y.npy"), Tensor::from<float>({0, 2})));
}

TEST_F(OpCommand, ConvolutionsByEveryAlgorithm) {
  save("x.npy", random_uniform_tensor(DType::kFloat32, {9, 9, 8, 16}, 1, -1, 1));
  save("w.npy", random_uniform_tensor(DType::kFloat32, {3, 3, 16, 16}, 2, -1, 1));
  const auto run_with = [&](const char* algorithm) {
    expect_success(
        {"op", "conv2d", "--input", "x.npy", "--filter", "w.npy", "--conv-algorithm", algorithm, "--out", "y.npy"});
    return load("y.npy");
  };
  const Tensor direct = run_with("direct"), winograd = run_with("winograd");
  double largest = 0;
  for (std::int64_t i = 0; i < direct.num_elements(); ++i) largest = std::max(largest, std::abs(direct.at(i)));
  EXPECT_LE(max_abs_difference(winograd, direct), 1e-5 * largest);  // as the conv matrix
  EXPECT_FALSE(bit_equal(winograd, direct)) << "both were computed in the same way";
  EXPECT_TRUE(bit_equal(winograd, run_with("auto")));
  EXPECT_LE(max_abs_difference(run_with("gemm"), direct), 1e-5 * largest);
  const ToolResult result =
      run({"op", "conv2d", "--input", "x.npy", "--filter", "w.npy", "--conv-algorithm", "fft", "--out", "y.npy"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("unknown algorithm of convolutions 'fft'; there are auto, direct, gemm, winograd"),
            std::string::npos)
      << result.err;
}

TEST_F(OpCommand, AFilesNameMayContainSpaces) {
  save("my x.npy", Tensor::from<float>({-1, 2}));
  expect_success({"op", "relu", "--x", "my x.npy", "--out", "my y.npy"});
  EXPECT_TRUE(bit_equal(load("my y.npy"), Tensor::from<float>({0, 2})));
}

TEST_F(OpCommand, HelpListsOperandsAttributesAndDefaults) {
  const ToolResult result = run({"op", "conv2d_backprop_input", "--help"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  for (const char* part : {"Usage: gradus op NAME --OPERAND", "--input-sizes", "--filter", "--out-backprop",
                           "--strides", "SAME|VALID|EXPLICIT", "NHWC|NCHW", "default: 1,1,1,1", "default: true",
                           "--explicit-paddings", "--device", "--threads", "--out"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  }
}

TEST_F(OpCommand, SeveralOutputsAreWrittenInOrder) {
  save("x.npy", Tensor::full(DType::kFloat32, {1000}, 1.0));
  expect_success({"op", "dropout", "--x", "x.npy", "--rate", "0.25", "--out", "y.npy", "--out", "mask.npy"});
  const Tensor y = load("y.npy");
  const Tensor mask = load("mask.npy");
  int kept = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(y.at(i) != 0, mask.at(i) != 0);
    kept += mask.at(i) != 0 ? 1 : 0;
  }
  EXPECT_NEAR(kept, 750, 5 * 13.7);  // five standard deviations: sqrt(1000 * 0.75 * 0.25) = 13.7
}

TEST_F(OpCommand, MisuseIsOneLineAndNothingIsWritten) {
  save("x.npy", Tensor::from<float>({2, 2}, {1, 2, 3, 4}));
  save("x64.npy", Tensor::zeros(DType::kFloat64, {2, 2}));
  save("w.npy", Tensor::zeros(DType::kFloat32, {3, 3, 3, 4}));
  save("dy.npy", Tensor::zeros(DType::kFloat32, {2, 3, 3, 4}));
  save("u8.npy", Tensor::zeros(DType::kUInt8, {2, 2}));
  std::ofstream(path("garbage.npy")) << "this is no array";
  std::ofstream(path("short.npy"), std::ios::binary) << content(path("x.npy")).substr(0, 130);
  std::filesystem::create_directory(path("folder"));

  struct Case {
    Words words;
    const char* code;
    const char* part;
  };
  const Words backprop = {"op",    "conv2d_backprop_input", "--input-sizes", "2,5,5,3", "--filter",
                          "w.npy", "--out-backprop",        "dy.npy",        "--out",   "y.npy"};
  const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const Words sum = {"op", "sum", "--x", "x.npy", "--out", "y.npy"};
  const std::vector<Case> cases = {
      {{}, "InvalidArgument", "subcommand"},
      {{"opp"}, "InvalidArgument", "no subcommand 'opp'; the subcommands are op, ops, check, devices"},
      {{"relu", "--x", "x.npy"}, "InvalidArgument", "no subcommand 'relu'"},
      {{"--bad"}, "InvalidArgument", "--bad"},
      {{"op"}, "InvalidArgument", "name comes first"},
      {{"op", "--x", "x.npy"}, "InvalidArgument", "name comes first"},
      {{"op", "conv2d_backprop_imput"}, "NotFound", "did you mean Conv2DBackpropInput"},
      {{"op", "depthwise_conv2d"}, "NotFound", "that builder function makes Reshape and Conv2D"},
      {{"op", ""}, "InvalidArgument", "name comes first"},
      {{"op", "sum", "--out", "y.npy"}, "InvalidArgument", "--x is missing"},
      {{"op", "sum", "--x", "--out", "y.npy"}, "InvalidArgument", "--x needs a value"},
      {{"op", "sum", "--out", "y.npy", "--x"}, "InvalidArgument", "--x"},
      {{"op", "sum", "--x", "x.npy"}, "InvalidArgument", "has 1 output (y); give --out once; got 0"},
      {with(sum, {"--out", "z.npy"}), "InvalidArgument", "give --out once; got 2"},
      {with(sum, {"--x", "z.npy"}), "InvalidArgument", "--x takes one value; it is given 2 times: x.npy, z.npy"},
      {with(sum, {"--axes", "0", "--axes", "1"}), "InvalidArgument", "--axes takes one value"},
      {with(sum, {"--axis", "0"}), "InvalidArgument", "no option --axis; did you mean --axes"},
      {with(sum, {"stray"}), "InvalidArgument", "'stray' is not an option"},
      {with(sum, {"--axes", "0,x"}), "InvalidArgument", "--axes takes a comma list of integers; got '0,x'"},
      {with(sum, {"--axes", "2"}), "InvalidArgument", "axis 2"},
      {with(sum, {"--keep-dims", "maybe"}), "InvalidArgument", "--keep-dims takes true or false; got 'maybe'"},
      {with(sum, {"--threads", "-1"}), "InvalidArgument", "--threads takes an integer from 0 to 1024; got '-1'"},
      {with(sum, {"--threads", "abc"}), "InvalidArgument", "got 'abc'"},
      {with(sum, {"--threads", "1,2"}), "InvalidArgument", "got '1,2'"},
      {with(sum, {"--threads", "99999999999999999999"}), "InvalidArgument", "--threads"},
      {with(sum, {"--device", "gpu"}), "NotFound", "gpu"},
      {with(sum, {"--device", "cpu:7"}), "NotFound", "cpu:7"},
      {with(sum, {"--device", "cpu:x"}), "InvalidArgument", "is not a device"},
      {with(sum, {"--device", "cuda:0"}), "Unavailable", "cuda:0"},
      {{"op", "sum", "--x", "none.npy", "--out", "y.npy"}, "NotFound", "no file 'none.npy'"},
      {{"op", "sum", "--x", "0.5", "--out", "y.npy"},
       "NotFound",
       "no file '0.5'; a value is a .npy file or a comma list of integers"},
      {{"op", "sum", "--x", "3000000000", "--out", "y.npy"}, "InvalidArgument", "does not fit in int32"},
      {{"op", "sum", "--x", "folder", "--out", "y.npy"}, "", "folder"},
      {{"op", "sum", "--x", "garbage.npy", "--out", "y.npy"}, "DataLoss", "garbage.npy"},
      {{"op", "sum", "--x", "short.npy", "--out", "y.npy"}, "DataLoss", "short.npy"},
      {{"op", "sum", "--x", "x.npy", "--out", "folder"}, "InvalidArgument", "it is a directory"},
      {{"op", "sum", "--x", "x.npy", "--out", "nowhere/y.npy"}, "InvalidArgument", "no directory 'nowhere'"},
      {{"op", "sum", "--x", "x.npy", "--out", "/dev/null"}, "InvalidArgument", "not a regular file"},
      {{"op", "sum", "--x", "x.npy", "--out", ""}, "InvalidArgument", "the name is empty"},
      {{"op", "dropout", "--x", "x.npy", "--out", "y.npy", "--out", "./y.npy"}, "InvalidArgument", "given twice"},
      {{"op", "dropout", "--x", "x.npy", "--out", "y.npy"},
       "InvalidArgument",
       "2 outputs (y, mask); give --out 2 times; got 1"},
      {{"op", "dropout", "--x", "x.npy", "--rate", "much", "--out", "y.npy", "--out", "m.npy"},
       "InvalidArgument",
       "--rate takes a number"},
      {{"op", "matmul", "--a", "x.npy", "--b", "x64.npy", "--out", "y.npy"}, "InvalidArgument", "float64"},
      {{"op", "sqrt", "--x", "u8.npy", "--out", "y.npy"}, "", "uint8"},
      {{"op", "one_hot", "--indices", "1", "--depth", "1000000000000000", "--out", "y.npy"},
       "ResourceExhausted",
       "does not fit in any memory"},
      {{"op", "one_hot", "--indices", "1", "--depth", "9223372036854775807", "--out", "y.npy"},
       "InvalidArgument",
       "the size of a result, float32 [1,9223372036854775807], does not fit in 63 bits"},
      {{"op", "fill", "--dims", "100000,100000,100000,100000", "--value", "1", "--out", "y.npy"},
       "InvalidArgument",
       "63 bits"},
      {{"op", "placeholder", "--out", "y.npy"}, "InvalidArgument", "computes nothing"},
      {{"op", "cast", "--x", "x.npy", "--dtype", "float31", "--out", "y.npy"}, "InvalidArgument", "float32"},
      {{"op", "cast", "--x", "x.npy", "--dtype", "bfloat16", "--out", "y.npy"},
       "Unimplemented",
       "NumPy has no bfloat16"},
      {with(backprop, {"--padding", "SAMEE"}), "InvalidArgument",
       "--padding takes one of SAME, VALID, EXPLICIT; got 'SAMEE'"},
      {with(backprop, {"--data-format", "nhwc"}), "InvalidArgument",
       "--data-format takes one of NHWC, NCHW; got 'nhwc'"},
      {with(backprop, {"--strides", "2,2"}), "InvalidArgument", "strides"},
      {with(backprop, {"--strides", "1,0,2,1"}), "InvalidArgument", "strides"},
      {with(backprop, {"--padding", "SAME", "--explicit-paddings", "0,0,1,1,1,1,0,0"}), "InvalidArgument",
       "explicit_paddings"},
      {with(backprop, {}), "InvalidArgument",
       "[Conv2DBackpropInput 'Conv2DBackpropInput' at command line:1]"},  // stride 1: 5x5 expected
  };
  for (const Case& c : cases) {
    if (*c.code != '\0') {
      expect_refused(c.words, c.code, c.part);
    } else {  // several codes would be right
      const ToolResult result = run(c.words);
      EXPECT_EQ(result.status, 2);
      EXPECT_NE(result.err.find(c.part), std::string::npos) << result.err;
      EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
    }
    for (const char* file : {"y.npy", "z.npy", "m.npy"}) EXPECT_FALSE(exists(file)) << c.part;
  }
}

TEST_F(OpCommand, ALinkToAResultStaysALink) {
  save("x.npy", Tensor::from<float>({2}, {1, 2}));
  std::filesystem::create_directory(path("results"));
  std::filesystem::create_symlink("results/y.npy", path("y.npy"));
  expect_success({"op", "sum", "--x", "x.npy", "--out", "y.npy"});
  EXPECT_TRUE(std::filesystem::is_symlink(path("y.npy")));
  EXPECT_EQ(load("results/y.npy").item<float>(), 3.0F);
}

// A number is read as an integer of 64 bits where it is one, and refused where the dtype does not hold it.
TEST_F(OpCommand, NumbersKeepAllTheirDigits) {
  save("x.npy", Tensor::from(std::vector<std::int64_t>{1}));
  const Words pad{"op", "pad", "--x", "x.npy", "--paddings", "1,0", "--out", "y.npy", "--constant-value"};
  const auto with = [&](const std::string& value) {
    Words words = pad;
    words.push_back(value);
    return words;
  };
  expect_success(with("9007199254740993"));  // 2^53 + 1
  EXPECT_EQ(load("y.npy").data<std::int64_t>()[0], 9007199254740993);
  expect_success(with("-3.0"));
  EXPECT_EQ(load("y.npy").data<std::int64_t>()[0], -3);
  for (const std::string value : {"0.5", "nan", "-inf", "9223372036854775808"})
    expect_refused(with(value), "InvalidArgument", "constant_value must be an integer from -9223372036854775808 to");
  expect_refused(with("three"), "InvalidArgument", "--constant-value takes a number; got 'three'");
}

// Whether `--start 1` is a vector or a scalar only the op knows: where neither reading fits, both errors are told, on one line.
TEST_F(OpCommand, NeitherReadingOfLoneIntegersFits) {
  const ToolResult result = run({"op", "range", "--start", "1", "--limit", "5", "--delta", "0", "--out", "y.npy"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(
      result.err.find("; or, with lone integers as scalars: [Range 'Range' at command line:1] delta must not be 0"),
      std::string::npos)
      << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(OpCommand, AFailureLeavesAnEarlierResultAlone) {
  save("x.npy", Tensor::from<float>({2, 2}, {1, 2, 3, 4}));
  expect_success({"op", "sum", "--x", "x.npy", "--out", "y.npy"});
  const std::string before = content(path("y.npy"));
  expect_refused({"op", "sum", "--x", "x.npy", "--axes", "9", "--out", "y.npy"}, "InvalidArgument", "axis 9");
  EXPECT_EQ(content(path("y.npy")), before);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path("."))) files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 4);  // x.npy, y.npy and the two captured streams: no temporary file is left
}

}  // namespace
}  // namespace gradus
