// Suggestions for mistyped names.
#include "gradus/core/nearest_names.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

using Names = std::vector<std::string>;

TEST(NearestNames, AreRankedByTheLettersToBeChanged) {
  const Names known = {"Relu6", "Relu", "Elu", "Softmax", "Selu"};
  EXPECT_EQ(nearest_names("Rleu", known), (Names{"Elu", "Relu"}));  // 2 letters of 4; Selu needs 3
  EXPECT_EQ(nearest_names("relu", known), (Names{"Relu", "Elu", "Relu6"}));
  EXPECT_EQ(nearest_names("relu", known, 1), (Names{"Relu"}));
  EXPECT_EQ(nearest_names("relu", known, 0), Names{});
}

TEST(NearestNames, APartOfANameIsLikeIt) {
  EXPECT_EQ(nearest_names("div", Names{"divide", "FloorDiv", "MaxPool"}), (Names{"divide", "FloorDiv"}));
  EXPECT_EQ(nearest_names("encoder/d/kernel", Names{"d/kernel", "d/bias"}), (Names{"d/kernel"}));
  EXPECT_EQ(nearest_names("d/kernel", Names{"encoder/block1/d/kernel"}), (Names{"encoder/block1/d/kernel"}));
  EXPECT_EQ(nearest_names("pool", Names{"Pow", "NoOp", "MaxPool", "AvgPool"}, 2), (Names{"AvgPool", "MaxPool"}));
  EXPECT_EQ(nearest_names("x", Names{"max_pool"}), Names{});  // one letter is found in too many names
}

TEST(NearestNames, CaseAndUnderscoresDoNotCount) {
  EXPECT_EQ(nearest_names("conv2d_backprop_imput", Names{"Conv2DBackpropInput", "Conv2D"}),
            (Names{"Conv2DBackpropInput", "Conv2D"}));
  EXPECT_EQ(nearest_names("reduce-sum", Names{"reduce_sum"}), (Names{"reduce_sum"}));
}

TEST(NearestNames, NothingAlikeIsNoSuggestion) {
  EXPECT_EQ(nearest_names("attention", Names{"Conv2D", "MaxPool"}), Names{});
  EXPECT_EQ(nearest_names("", Names{"a"}), Names{});
  EXPECT_EQ(nearest_names("a", Names{}), Names{});
  EXPECT_EQ(did_you_mean("attention", Names{"Conv2D"}), "");
  EXPECT_EQ(did_you_mean("maxpol", Names{"MaxPool", "Conv2D"}), "; did you mean MaxPool?");
}

}  // namespace
}  // namespace gradus
