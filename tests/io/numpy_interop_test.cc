// What is written here, NumPy reads, and the other way round. Skipped, visibly, where python3 or numpy is missing.
#include "gradus/io/npy.h"

#include <gradus/gradus.h>

#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

// A python3 that has numpy, or "".
std::string find_python() {
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    if (std::system(fmt::format("{} -c 'import numpy' >/dev/null 2>&1", python).c_str()) == 0) return python;
  }
  return "";
}

class NumpyInteropTest : public ::testing::Test {
 protected:
  void SetUp() override {
    python_ = find_python();
    if (python_.empty()) GTEST_SKIP() << "python3 with numpy is not installed";
  }
  // Runs a script in the directory; its assertions decide.
  void run(const std::string& script) {
    io_test::write_file(directory_.file("script.py"), "import numpy as np\n" + script);
    const std::string command = fmt::format("cd '{}' && {} script.py >output.txt 2>&1", directory_.path(), python_);
    ASSERT_EQ(std::system(command.c_str()), 0) << io_test::read_file(directory_.file("output.txt"));
  }
  io_test::TemporaryDirectory directory_;
  std::string python_;
};

TEST_F(NumpyInteropTest, NumpyReadsOurFiles) {
  save_npy(directory_.file("a.npy"), Tensor::from<float>({2, 3}, {0, 1, 2, 3, 4, 5.5F}));
  save_npy(directory_.file("s.npy"), Tensor::scalar(2.25));
  const std::map<std::string, Tensor> tensors = {{"block/h", Tensor::full(DType::kFloat16, {2, 1}, 0.5)},
                                                 {"i", Tensor::from<std::int64_t>({2}, {-1, 1LL << 40})},
                                                 {"b", Tensor::from<std::uint8_t>({2}, {0, 1}).cast(DType::kBool)},
                                                 {"none", Tensor(DType::kUInt8, {3, 0})}};
  save_npz(directory_.file("stored.npz"), tensors);
  save_npz(directory_.file("deflated.npz"), tensors, {.compress = true});
  run(R"(
a = np.load('a.npy')
assert a.dtype == np.float32 and a.tolist() == [[0, 1, 2], [3, 4, 5.5]]
s = np.load('s.npy')
assert s.shape == () and s.dtype == np.float64 and s == 2.25
for name in ('stored.npz', 'deflated.npz'):
    z = np.load(name)
    assert sorted(z.files) == ['b', 'block/h', 'i', 'none'], z.files
    assert z['block/h'].dtype == np.float16 and z['block/h'].tolist() == [[0.5], [0.5]]
    assert z['i'].tolist() == [-1, 1 << 40]
    assert z['b'].tolist() == [False, True] and z['b'].dtype == np.bool_
    assert z['none'].shape == (3, 0) and z['none'].dtype == np.uint8
import zipfile
assert zipfile.ZipFile('deflated.npz').testzip() is None
)");
}

TEST_F(NumpyInteropTest, WeReadNumpysFiles) {
  run(R"(
x = (np.arange(24) * 3 - 20).reshape(2, 3, 4)
for i, t in enumerate(['<f2', '>f2', '<f4', '>f4', '<f8', '>f8', 'i1', '<i2', '>i2', '<i4', '>i4', '<i8', '>i8']):
    np.save('c%d.npy' % i, x.astype(t))
    np.save('f%d.npy' % i, np.asfortranarray(x.astype(t)))
np.savez('s.npz', x=x.astype('<i4'), t=x.T.astype('>f4'))
np.savez_compressed('d.npz', x=x.astype('<i4'), t=x.T.astype('>f4'))
np.lib.format.write_array(open('v2.npy', 'wb'), x, version=(2, 0))
np.lib.format.write_array(open('v3.npy', 'wb'), x, version=(3, 0))
)");
  Tensor x(DType::kFloat64, {2, 3, 4});
  for (int i = 0; i < 24; ++i) x.set(i, i * 3 - 20);
  for (int i = 0; i < 13; ++i) {
    for (const char* order : {"c", "f"}) {
      const Tensor loaded = load_npy(directory_.file(fmt::format("{}{}.npy", order, i)));
      EXPECT_EQ(loaded.shape(), x.shape());
      EXPECT_TRUE(bit_equal(loaded.cast(DType::kFloat64), x)) << order << i;
    }
  }
  for (const char* name : {"v2.npy", "v3.npy"})
    EXPECT_TRUE(bit_equal(load_npy(directory_.file(name)), x.cast(DType::kInt64)));
  for (const char* name : {"s.npz", "d.npz"}) {
    const auto z = load_npz(directory_.file(name));
    EXPECT_TRUE(bit_equal(z.at("x"), x.cast(DType::kInt32))) << name;
    ASSERT_EQ(z.at("t").shape(), (Shape{4, 3, 2}));
    EXPECT_EQ(z.at("t").at(1), x.at(12)) << "element (0,0,1) of the transpose is element (1,0,0)";
  }
}

// What docs/weights.md promises to Python: names, shapes and values of save_weights(), and the way back.
TEST_F(NumpyInteropTest, WeightsTravelToPythonAndBack) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 5, 5, 2}, "x");
  nn::batch_norm(nn::conv2d(x, {.filters = 3, .kernel = {3, 2}}, "conv"), {}, "norm");
  Session session(graph);
  Tensor kernel(DType::kFloat32, {3, 2, 2, 3});
  for (std::int64_t i = 0; i < kernel.num_elements(); ++i) kernel.set(i, static_cast<double>(i));
  const Output variable = graph.find_output("conv/kernel");
  session.set_value(variable, kernel);
  const bool safetensors = std::system(fmt::format("{} -c 'import safetensors' >/dev/null 2>&1", python_).c_str()) == 0;
  for (const std::string extension : {"npz", "safetensors"}) {
    if (extension == "safetensors" && !safetensors) GTEST_SKIP() << "python3 has no safetensors; .npz was tested";
    save_weights(session, directory_.file("w." + extension));
    run((extension == "npz" ? R"(
w = dict(np.load('w.npz'))
save = lambda t: np.savez('back.npz', **t)
)"
                            : R"(
from safetensors.numpy import load_file, save_file
w = load_file('w.safetensors')
save = lambda t: save_file(t, 'back.safetensors')
)") + std::string(R"(
assert sorted(w) == ['conv/bias', 'conv/kernel', 'norm/beta', 'norm/gamma', 'norm/moving_mean', 'norm/moving_variance']
assert w['conv/kernel'].dtype == np.float32
assert (w['conv/kernel'] == np.arange(36).reshape(3, 2, 2, 3)).all()
assert w['norm/moving_variance'].tolist() == [1, 1, 1]
w['conv/kernel'] = w['conv/kernel'] * 2
save(w)
)"));
    EXPECT_EQ(load_weights(session, directory_.file("back." + extension)).loaded.size(), 6U);
    EXPECT_EQ(session.value(variable).at(35), 70.0);
    session.set_value(variable, kernel);
  }
}

}  // namespace
}  // namespace gradus::io
