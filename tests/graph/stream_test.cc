// << of outputs and operations.
#include <gtest/gtest.h>

#include <sstream>

#include "gradus/graph/graph.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

template <class T>
std::string streamed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

TEST(Streams, AnOutputSaysNameDTypeShapeOpAndLine) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 4}, "x");
  EXPECT_EQ(streamed(x), "'x' float32 [?,4], Placeholder at stream_test.cc:" + std::to_string(__LINE__ - 1));
  const std::vector<Output> parts = split(x, 2, 1, "parts");
  EXPECT_EQ(streamed(parts[1]), "'parts:1' float32 [?,2], Split at stream_test.cc:" + std::to_string(__LINE__ - 1));
  EXPECT_EQ(streamed(Output()),
            "nothing (it is a default-made Output; give it the result of a builder function first)");
  EXPECT_EQ(streamed(graph.absent("no such luck")), "nothing (no such luck)");
}

TEST(Streams, AnOperationSaysNameOpAndLine) {
  Graph graph;
  const Operation nothing = no_op(graph, "nothing");
  EXPECT_EQ(streamed(nothing), "'nothing', NoOp at stream_test.cc:" + std::to_string(__LINE__ - 1));
  EXPECT_EQ(streamed(Operation()), "nothing");
}

TEST(Absent, OutputsSayWhyWhereverTheyAreUsed) {
  Graph graph;
  const Output none = graph.absent("it was never asked for");
  EXPECT_FALSE(none.valid());
  EXPECT_TRUE(none.is_absent());
  EXPECT_EQ(none, Output());
  EXPECT_FALSE(Output().is_absent());
  for (const auto& use :
       std::vector<std::function<void()>>{[&] { (void)none.node(); }, [&] { (void)none.name(); },
                                          [&] { (void)identity(none); }, [&] { (void)variable(none); }}) {
    try {
      use();
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("refers to nothing"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("it was never asked for"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace gradus
