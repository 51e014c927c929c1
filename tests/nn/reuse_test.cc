// Sharing variables between builds of a layer, and what an error says when there is nothing to share.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "gradus/core/function_ref.h"

namespace gradus::nn {
namespace {

std::string error_of(FunctionRef<void()> call, Code code = Code::kNotFound) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.full_text();
    return error.what();
  }
  return "no error";
}

class ReuseErrors : public ::testing::Test {
 protected:
  void expect(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
  Graph graph;
  Output x = placeholder(graph, DType::kFloat32, {-1, 4}, "x");
};

TEST_F(ReuseErrors, ALayerBuiltTwiceUnderOneReuse) {
  dense(x, {.units = 2}, "d");
  const ReuseVariables reuse(graph);
  dense(x, {.units = 2}, "d");
  expect(error_of([&] { dense(x, {.units = 2}, "d"); }),
         {"[nn::dense 'd' at reuse_test.cc:", "no variable 'd/kernel' is left to reuse: one was made under that name",
          "[Variable 'd/kernel' at reuse_test.cc:", "Open another ReuseVariables"});
  const ReuseVariables again(graph);
  dense(x, {.units = 2}, "d");
}

TEST_F(ReuseErrors, ALayerThatWasNeverBuiltNamesThoseOfOtherScopes) {
  {
    const NameScope scope(graph, "teacher");
    dense(x, {.units = 2}, "d");
  }
  const ReuseVariables reuse(graph);
  expect(error_of([&] { dense(x, {.units = 2}, "d"); }),
         {"[nn::dense 'd' at reuse_test.cc:",
          "there is no variable 'd/kernel' to reuse; did you mean teacher/d/kernel? Build",
          "Build the layer once before it, in the same name scopes"});
  const NameScope scope(graph, "teacher");
  expect(error_of([&] { dense(x, {.units = 2}, "dd"); }),
         {"no variable 'teacher/dd/kernel' to reuse; did you mean teacher/d/kernel"});
  expect(error_of([&] { get_variable(graph, "w", DType::kFloat32, {2}, zeros()); }),
         {"[nn::get_variable 'teacher/w' at reuse_test.cc:", "no variable 'teacher/w' to reuse"});
}

TEST_F(ReuseErrors, AGraphWithoutLayers) {
  const ReuseVariables reuse(graph);
  expect(error_of([&] { dense(x, {.units = 2}, "d"); }), {"the graph has no variables of layers yet"});
}

TEST_F(ReuseErrors, AnotherShape) {
  dense(x, {.units = 2}, "d");
  const ReuseVariables reuse(graph);
  const auto build = [&](std::int64_t units) { dense(x, {.units = units}, "d"); };
  expect(error_of([&] { build(3); }, Code::kInvalidArgument),
         {"[nn::dense 'd' at reuse_test.cc:", "[Variable 'd/kernel' at reuse_test.cc:",
          "is float32 [4,2]; this layer needs float32 [4,3]", "the same options"});
  build(2);  // the refused one was not given out
}

}  // namespace
}  // namespace gradus::nn
