// Fits a line to noisy points by gradient descent: the smallest complete training program.
// Prints the loss every 50 steps and the fitted slope and intercept beside the true 3 and -1; takes a few milliseconds.
#include <cstdio>

#include <gradus/gradus.h>

#include "common/program.h"

namespace gd = gradus;

int fit_a_line() {
  const gd::Tensor points = gd::random_uniform_tensor(gd::DType::kFloat32, {200}, /*seed=*/1, -1.0, 1.0);
  const gd::Tensor noise = gd::random_normal_tensor(gd::DType::kFloat32, {200}, /*seed=*/2, 0.0, 0.1);

  gd::Graph graph;
  const gd::Output x = gd::constant(graph, points, "x");
  const gd::Output y = 3.0 * x - 1.0 + gd::constant(graph, noise, "noise");
  const gd::Output slope = gd::variable(graph, gd::Tensor::scalar(0.0F), "slope");
  const gd::Output intercept = gd::variable(graph, gd::Tensor::scalar(0.0F), "intercept");
  const gd::Output loss = gd::nn::mean_squared_error(y, slope * x + intercept);
  const gd::Operation train = gd::nn::sgd({.learning_rate = 0.2}).minimize(loss);

  gd::Session session(graph);
  for (int step = 0; step <= 200; ++step) {
    const float value = session.run({}, {loss}, {train})[0].item<float>();
    if (step % 50 == 0) std::printf("step %3d: loss %.5f\n", step, static_cast<double>(value));
  }
  std::printf("slope %.3f (true 3), intercept %.3f (true -1)\n",
              static_cast<double>(session.value(slope).item<float>()),
              static_cast<double>(session.value(intercept).item<float>()));
  return 0;
}

int main(int argc, char** argv) {
  return example::run(argc, argv, "linear_regression", "Fits a line to noisy points and prints slope and intercept.",
                      fit_a_line);
}
