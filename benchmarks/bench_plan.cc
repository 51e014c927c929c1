// How the time to build a graph, differentiate it, and compile and run its plan for the first time grows with the graph: chains,
// wide graphs, fetches, assignments. Each row should grow like its graph, tenfold from column to column.
//   bench_plan [--most 100000] [--only chain]
#include <fmt/format.h>
#include <gradus/gradus.h>

#include <memory>
#include <optional>

#include "options.h"

namespace gd = gradus;

namespace {

// Builds a graph of about n nodes, compiles a plan for it and runs that once.
struct Row {
  const char* name;
  void (*run)(int n);
};

gd::Output input(gd::Graph& graph) { return gd::placeholder(graph, gd::DType::kFloat32, {1}, "x"); }
gd::Feeds feeds(const gd::Output& x) { return {{x, gd::Tensor::full(gd::DType::kFloat32, {1}, 1.0)}}; }

void chain_with_gradients(int n) {
  gd::Graph graph;
  const gd::Output x = input(graph);
  gd::Output y = x;
  for (int i = 0; i < n; ++i) y = gd::tanh(y);
  const gd::Output dx = gd::gradients(y, {x}).at(0);
  gd::Session(graph, {.num_threads = 1}).run(feeds(x), {y, dx});
}

void views_in_a_chain(int n) {
  gd::Graph graph;
  const gd::Output x = input(graph);
  gd::Output y = x;
  for (int i = 0; i < n; ++i) y = gd::identity(y);
  gd::Session(graph, {.num_threads = 1}).run(feeds(x), {y});
}

std::vector<gd::Output> scaled(const gd::Output& x, int n) {
  std::vector<gd::Output> values;
  for (int i = 0; i < n; ++i) values.push_back(x * static_cast<double>(i));
  return values;
}

void sum_of_n_with_gradients(int n) {
  gd::Graph graph;
  const gd::Output x = input(graph);
  const gd::Output y = gd::add_n(scaled(x, n));
  gd::Session(graph, {.num_threads = 1}).run(feeds(x), {y, gd::gradients(y, {x}).at(0)});
}

void concat_of_n_with_gradients(int n) {
  gd::Graph graph;
  const gd::Output x = input(graph);
  const gd::Output y = gd::concat(scaled(x, n), 0);
  gd::Session(graph, {.num_threads = 1}).run(feeds(x), {y, gd::gradients(y, {x}).at(0)});
}

void n_fetches(int n) {
  gd::Graph graph;
  const gd::Output x = input(graph);
  gd::Session(graph, {.num_threads = 1}).run(feeds(x), scaled(x, n));
}

void fetched_assignments_in_a_chain(int n) {
  gd::Graph graph;
  const gd::Output v = gd::variable(graph, gd::Tensor::full(gd::DType::kFloat32, {1}, 0.0), "v");
  const gd::Output one = gd::scalar(graph, 1.0, gd::DType::kFloat32);
  const gd::Output ones = gd::reshape(one, {1});
  std::vector<gd::Output> made;
  for (int i = 0; i < n; ++i) made.push_back(gd::assign_add(v, ones));
  gd::Session(graph, {.num_threads = 1}).run(made);
}

void assignments_under_control(int n) {
  gd::Graph graph;
  const gd::Output v = gd::variable(graph, gd::Tensor::full(gd::DType::kFloat32, {1}, 0.0), "v");
  const gd::Output ones = gd::constant(graph, std::vector<float>{1});
  std::vector<gd::Operation> last;
  for (int i = 0; i < n; ++i) {
    const gd::ControlScope after(graph, last);
    last = {gd::assign_add(v, ones)};
  }
  gd::Session(graph, {.num_threads = 1}).run({}, {}, last);
}

void assignments_without_order(int n) {
  gd::Graph graph;
  const gd::Output v = gd::variable(graph, gd::Tensor::full(gd::DType::kFloat32, {1}, 0.0), "v");
  const gd::Output ones = gd::constant(graph, std::vector<float>{1});
  std::vector<gd::Operation> all;
  for (int i = 0; i < n; ++i) all.push_back(gd::assign_add(v, ones));
  gd::Session(graph, {.num_threads = 1}).run({}, {}, {gd::group(all)});
}

void reads_between_assignments(int n) {
  gd::Graph graph;
  const gd::Output v = gd::variable(graph, gd::Tensor::full(gd::DType::kFloat32, {1}, 0.0), "v");
  const gd::Output ones = gd::constant(graph, std::vector<float>{1});
  std::vector<gd::Output> reads;
  std::vector<gd::Operation> last;
  for (int i = 0; i < n / 2; ++i) {
    const gd::ControlScope after(graph, last);
    reads.push_back(gd::identity(v));
    last = {gd::assign_add(v, ones)};
  }
  gd::Session(graph, {.num_threads = 1}).run({}, reads, last);
}

void variables_and_updates(int n) {
  gd::Graph graph;
  std::vector<gd::Operation> all;
  for (int i = 0; i < n / 4; ++i) {
    const gd::Output v = gd::variable(graph, gd::Tensor::full(gd::DType::kFloat32, {1}, 0.0));
    all.push_back(gd::assign_sub(v, v * 0.1));
  }
  gd::Session(graph, {.num_threads = 1}).run({}, {}, {gd::group(all)});
}

constexpr Row kRows[] = {
    {"chain with gradients", chain_with_gradients},
    {"views in a chain", views_in_a_chain},
    {"add_n of n, gradients", sum_of_n_with_gradients},
    {"concat of n, gradients", concat_of_n_with_gradients},
    {"n fetches", n_fetches},
    {"assignments, all fetched", fetched_assignments_in_a_chain},
    {"assignments under control", assignments_under_control},
    {"assignments without order", assignments_without_order},
    {"reads between assignments", reads_between_assignments},
    {"variables and updates", variables_and_updates},
};

void print_rows(int most, const std::string& only) {
  const auto is_chosen = [&](const Row& row) { return std::string(row.name).find(only) != std::string::npos; };
  if (std::none_of(std::begin(kRows), std::end(kRows), is_chosen)) {
    std::string names;
    for (const Row& row : kRows) names += std::string(names.empty() ? "" : ", ") + row.name;
    throw example::UsageError(fmt::format("no row has '{}' in its name; there are {}", only, names));
  }
  std::string header = fmt::format("{:<28}", "seconds; n =");
  for (int n = 1000; n <= most; n *= 10) header += fmt::format("{:>10}", n);
  std::puts(header.c_str());
  for (const Row& row : kRows) {
    if (!is_chosen(row)) continue;
    std::string line = fmt::format("{:<28}", row.name);
    for (int n = 1000; n <= most; n *= 10) {
      const double ms = gradus_bench::median(gradus_bench::time_ms(0, n <= 10000 ? 3 : 1, [&] { row.run(n); }));
      line += fmt::format("{:>10.3f}", ms / 1000);
    }
    std::puts(line.c_str());
    example::check_standard_output();
  }
}

}  // namespace

int main(int argc, char** argv) {
  int most = 100000;
  std::string only;
  example::Options options("bench_plan", "Times how plans are built and compiled, for graphs of growing size.");
  options.integer("--most", &most, 1000, 10000000, "nodes of the largest graph");
  options.text("--only", &only, "TEXT", "only the rows whose name has this in it");
  return gradus_bench::run(argc, argv, "bench_plan", options, [&] { print_rows(most, only); });
}
