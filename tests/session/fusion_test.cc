// Fused plans: the same bits as plans that are not, and nothing is fused whose parts somebody can see.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/values.h"

namespace gradus {
namespace {

constexpr const char* kFused = "| fused with: 'bias_add'";

bool is_fused(Session& session, const std::vector<Output>& fetches, const Feeds& feeds = {},
              const std::vector<Operation>& targets = {}) {
  const std::string text = session.explain(feeds, fetches, targets);
  EXPECT_EQ(text.find(kFused) != std::string::npos, text.find("| fused into 'activated'") != std::string::npos) << text;
  return text.find(kFused) != std::string::npos;
}

struct Layer {
  Graph graph;
  Output x, bias, sum, y;
  explicit Layer(DType dtype = DType::kFloat32, DataFormat format = DataFormat::kNHWC, bool six = false) {
    x = placeholder(graph, dtype, {3, 6, 5, 6}, "x");
    bias = variable(graph, random_normal_tensor(dtype, {6}, 1), "bias");
    sum = bias_add(x, bias, {.data_format = format}, "bias_add");
    y = six ? relu6(sum, "activated") : relu(sum, "activated");
  }
  Feeds feeds() const { return {{x, random_normal_tensor(x.dtype(), {3, 6, 5, 6}, 2, 1.0, 4.0)}}; }
};

TEST(Fusion, HasTheBitsOfOneStepAfterTheOther) {
  for (const DType dtype : kDTypes) {
    for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
      for (const bool six : {false, true}) {
        Layer layer(dtype, format, six);
        Feeds feeds = layer.feeds();
        feeds[0].second.set(7, std::numeric_limits<double>::quiet_NaN());
        feeds[0].second.set(8, -std::numeric_limits<double>::infinity());
        const Output dx = gradients(reduce_sum(layer.y), {layer.x}).at(0);
        Session fused(layer.graph), plain(layer.graph, {.optimize = false});
        EXPECT_TRUE(is_fused(fused, {layer.y, dx}, feeds));
        EXPECT_FALSE(is_fused(plain, {layer.y, dx}, feeds));
        const auto got = fused.run(feeds, {layer.y, dx}), expected = plain.run(feeds, {layer.y, dx});
        EXPECT_TRUE(bit_equal(got[0], expected[0])) << dtype_name(dtype) << six;
        EXPECT_TRUE(bit_equal(got[1], expected[1])) << dtype_name(dtype) << six;
      }
    }
  }
}

TEST(Fusion, WritesOverWhatTheFirstNodeMayWriteOver) {
  Layer layer;
  const Output doubled = layer.x * 2.0;
  const Output y = relu(bias_add(doubled, layer.bias, {}, "bias_add"), "activated");
  Session session(layer.graph), plain(layer.graph, {.optimize = false});
  const std::string text = session.explain(layer.feeds(), {y}, {});
  EXPECT_NE(text.find("in memory of '" + doubled.node().name() + "'"), std::string::npos) << text;
  EXPECT_TRUE(bit_equal(session.run(layer.feeds(), {y})[0], plain.run(layer.feeds(), {y})[0]));
}

TEST(Fusion, LeavesAloneWhatSomebodyCanSee) {
  Layer layer;
  const Feeds feeds = layer.feeds();
  Session session(layer.graph);
  EXPECT_TRUE(is_fused(session, {layer.y}, feeds));
  EXPECT_FALSE(is_fused(session, {layer.y, layer.sum}, feeds)) << "fetched";
  EXPECT_FALSE(is_fused(session, {layer.y}, feeds, {layer.sum})) << "a target";
  EXPECT_FALSE(is_fused(session, {layer.y, square(layer.sum)}, feeds)) << "used twice";
  Session checked(layer.graph, {.check_numerics = true}), reference(layer.graph, {.device = "ref:0"});
  EXPECT_FALSE(is_fused(checked, {layer.y}, feeds));
  EXPECT_FALSE(is_fused(reference, {layer.y}, feeds));
}

// bias_add reads the variable before the assignment, relu waits for it: as one step they would read the new value.
TEST(Fusion, DoesNotMoveTheReadOfAVariableBehindAnAssignment) {
  Layer layer;
  const Output update = assign_add(layer.bias, constant(layer.graph, Tensor::from<float>({6}, {1, 1, 1, 1, 1, 1})));
  Output y;
  {
    const ControlScope after(layer.graph, {update});
    y = relu(layer.sum, "late");
  }
  const Feeds feeds = layer.feeds();
  Session session(layer.graph), plain(layer.graph, {.optimize = false});
  EXPECT_TRUE(bit_equal(session.run(feeds, {y})[0], plain.run(feeds, {y})[0]));
  EXPECT_EQ(session.explain(feeds, {y}, {}).find(kFused), std::string::npos);
}

}  // namespace
}  // namespace gradus
