// Uses a user's own Eigen and gradus in one program, alternately, and checks both against plain loops. When the two copies of
// Eigen share inline functions that were compiled with different flags, this crashes or prints wrong numbers.
#include <Eigen/Core>
#ifdef SOLVE
#include <Eigen/Cholesky>
#endif
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <gradus/gradus.h>

namespace gd = gradus;

namespace {

constexpr int kSize = 37;

int failures = 0;

void expect_near(const char* what, double got, double expected) {
  if (std::abs(got - expected) <= 1e-4 * (1 + std::abs(expected))) return;
  std::printf("%s: got %.9g, expected %.9g\n", what, got, expected);
  ++failures;
}

}  // namespace

int main() {
  if (std::string(gd::version()) != GRADUS_VERSION) return std::puts("headers and library differ in version"), 1;

  gd::Graph graph;
  const gd::Output a = gd::placeholder(graph, gd::DType::kFloat32, {kSize, kSize}, "a");
  const gd::Output b = gd::placeholder(graph, gd::DType::kFloat32, {kSize, kSize}, "b");
  const gd::Output product = gd::matmul(a, b);
  const gd::Output da = gd::gradients(gd::reduce_sum(product * product), {a}).at(0);
  gd::Session session(graph);

  for (int round = 0; round < 3; ++round) {
    const gd::Tensor ta = gd::random_normal_tensor(gd::DType::kFloat32, {kSize, kSize}, 10 + round);
    const gd::Tensor tb = gd::random_normal_tensor(gd::DType::kFloat32, {kSize, kSize}, 20 + round);
    const float* pa = ta.data<float>();
    const float* pb = tb.data<float>();

    // The user's Eigen: dynamic matrices, which allocate by its own alignment rules.
    using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Matrix ea = Eigen::Map<const Matrix>(pa, kSize, kSize);
    const Matrix eb = Eigen::Map<const Matrix>(pb, kSize, kSize);
    const Matrix eigen_product = ea * eb;
#ifdef SOLVE
    const Eigen::VectorXf ones = Eigen::VectorXf::Ones(kSize);
    const Matrix definite = ea * ea.transpose() + 10 * Matrix::Identity(kSize, kSize);
    const Eigen::VectorXf solution = definite.llt().solve(definite * ones);
    for (int i = 0; i < kSize; ++i) expect_near("Eigen solve", solution(i), 1.0);
#endif

    const std::vector<gd::Tensor> values = session.run({{a, ta}, {b, tb}}, {product, da});
    const float* got = values[0].data<float>();
    const float* got_da = values[1].data<float>();

    std::vector<double> plain(kSize * kSize, 0.0);
    for (int i = 0; i < kSize; ++i)
      for (int k = 0; k < kSize; ++k)
        for (int j = 0; j < kSize; ++j) plain[i * kSize + j] += double(pa[i * kSize + k]) * pb[k * kSize + j];
    for (int i = 0; i < kSize; ++i) {
      for (int j = 0; j < kSize; ++j) {
        expect_near("gradus product", got[i * kSize + j], plain[i * kSize + j]);
        expect_near("Eigen product", eigen_product(i, j), plain[i * kSize + j]);
        // d(sum P^2)/dA = 2 P B^T
        double gradient = 0;
        for (int k = 0; k < kSize; ++k) gradient += 2 * plain[i * kSize + k] * pb[j * kSize + k];
        expect_near("gradus gradient", got_da[i * kSize + j], gradient);
      }
    }
  }
  if (failures == 0) std::puts("ok");
  return failures == 0 ? 0 : 1;
}
