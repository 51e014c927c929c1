// The values of several variables at one moment, and what is written about a session.
#include <gradus/gradus.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

TEST(Values, ComeInTheOrderOfTheRequestAndAreSetAllOrNone) {
  Graph graph, other;
  const Output a = variable(graph, vec({1, 2}), "a"), b = variable(graph, Tensor::scalar(3.0), "b");
  const Output foreign = variable(other, Tensor::scalar(3.0), "foreign");
  Session session(graph);
  session.set_values({{b, Tensor::scalar(5.0)}, {a, vec({6, 7})}});
  const std::vector<Tensor> values = session.values({b, a, b});
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0].item<double>(), 5.0);
  EXPECT_EQ(values[1].at(1), 7.0);
  EXPECT_TRUE(bit_equal(values[2], values[0]));
  EXPECT_FALSE(values[2].shares_memory_with(values[0]));
  const auto fails = [&](const char* part, const Output& variable, const Tensor& value) {
    expect_error(Code::kInvalidArgument, part, [&] { session.set_values({{a, vec({0, 0})}, {variable, value}}); });
  };
  fails("holds float64 []; got float64 [1]", b, vec({1}));
  fails("a tensor without value", b, Tensor());
  fails("belongs to another graph", foreign, Tensor::scalar(1.0));
  fails("is not a variable", identity(a), vec({1, 2}));
  fails("refers to nothing", Output(), vec({1, 2}));
  EXPECT_EQ(session.value(a).at(1), 7.0);
  EXPECT_EQ(&session.graph(), &graph);
}

TEST(Restore, OfAnotherGraphsStateNamesTheCure) {
  Graph graph;
  variable(graph, Tensor::scalar(1.0), "model/weight");
  Session session(graph);
  auto state = session.state();
  state["model/weight/momentum"] = Tensor::scalar(0.0);
  state["global_step"] = Tensor::scalar(0.0);
  expect_error(
      Code::kNotFound,
      "the saved state has a variable 'global_step' and 1 more that this graph does not have; restore() takes the "
      "state of the same graph, optimiser and all. For the weights alone, of a graph that trains or only infers, "
      "use io::load_weights()",
      [&] { session.restore(state); });
  expect_error(Code::kNotFound,
               "has a variable 'modle/weight' that this graph does not have; did you mean model/weight?; restore()",
               [&] {
                 session.restore({{"modle/weight", Tensor::scalar(0.0)}});
               });
  expect_error(Code::kNotFound, "the saved state lacks the variable 'model/weight'; restore()",
               [&] { session.restore({}); });
}

// A trace is written wholly or not at all: the old one stays when the disk is full.
TEST(Trace, IsReplacedAsAWhole) {
  namespace fs = std::filesystem;
  Graph graph;
  const Output y = exp(constant(graph, vec({1, 2})));
  Session session(graph, {.profile = true, .optimize = false});
  const fs::path folder = fs::path(::testing::TempDir()) / "gradus trace test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  const std::string path = (folder / "trace.json").string(), link = (folder / "link.json").string();
  fs::create_symlink("trace.json", link);
  const auto content = [&] {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  session.run({y});
  session.write_trace(link);
  EXPECT_TRUE(fs::is_symlink(link));
  const std::string before = content();
  EXPECT_GT(before.size(), 50u);
  for (int i = 0; i < 20; ++i) session.run({y});
  {
    void (*const handler)(int) = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit saved = limit;
    limit.rlim_cur = 500;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    expect_error(Code::kResourceExhausted, "writing failed", [&] { session.write_trace(path); });
    ::setrlimit(RLIMIT_FSIZE, &saved);
    std::signal(SIGXFSZ, handler);
  }
  EXPECT_EQ(content(), before);
  expect_error(Code::kInvalidArgument, "the path of a file is empty", [&] { session.write_trace(""); });
  expect_error(Code::kInvalidArgument, "/dev/full: cannot be written", [&] { session.write_trace("/dev/full"); });
  session.write_trace(path);
  EXPECT_GT(content().size(), before.size());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace gradus
