// Every layer, variable and model of nn refuses what cannot be meant, names itself and the line of the call, the value, and what to do.
#include "tests/nn/mistakes.h"

namespace gradus::nn {
namespace {

TEST_F(Mistakes, OfConvolutions) {
  const std::string at = "nn::conv2d 'c'";
  refused(
      at, {"x refers to nothing"}, [&] { conv2d(none, {.filters = 2}, "c"); }, &graph);
  refused(
      "nn::conv2d", {"needs a name"}, [&] { conv2d(images, {.filters = 2}, ""); }, &graph);
  refused(
      at, {"rank 4, [batch, rows, columns, channels]; got shape [?,12]", "reshape()"},
      [&] { conv2d(rows, {.filters = 2}, "c"); }, &graph);
  refused(
      at, {"'bytes' is uint8", "cast("}, [&] { conv2d(bytes, {.filters = 2}, "c"); }, &graph);
  refused(
      at, {"channels must be known; got shape [?,9,8,?]"}, [&] { conv2d(open, {.filters = 2}, "c"); }, &graph);
  refused(
      at, {"filters must be at least 1; got 0", "must be given"}, [&] { conv2d(images, {}, "c"); }, &graph);
  refused(
      at, {"filters must be at least 1; got -3"}, [&] { conv2d(images, {.filters = -3}, "c"); }, &graph);
  refused(
      at, {"the kernel is one number or 2 values (rows, columns); got a list of 3"},
      [&] {
        conv2d(images, {.filters = 2, .kernel = {3, 3, 3}}, "c");
      },
      &graph);
  refused(
      at, {"the kernel must be at least 1 row and 1 column; got 0 x 0"},
      [&] { conv2d(images, {.filters = 2, .kernel = 0}, "c"); }, &graph);
  refused(
      at, {"strides must be at least 1 each; got 1 x 0"},
      [&] {
        conv2d(images, {.filters = 2, .strides = {1, 0}}, "c");
      },
      &graph);
  refused(
      at, {"dilations must be at least 1 each; got -1 x -1"},
      [&] { conv2d(images, {.filters = 2, .dilations = -1}, "c"); }, &graph);
  refused(
      at, {"kExplicit", "pad()"}, [&] { conv2d(images, {.filters = 2, .padding = Padding::kExplicit}, "c"); }, &graph);
  refused(
      at, {"groups must divide the 4 channels and the 6 filters; got 3"},
      [&] { conv2d(images, {.filters = 6, .groups = 3}, "c"); }, &graph);
  refused(
      at, {"groups must divide", "got 0"}, [&] { conv2d(images, {.filters = 6, .groups = 0}, "c"); }, &graph);
  refused(
      at, {"'c/kernel' needs an initializer", "nn::he_normal()"},
      [&] { conv2d(images, {.filters = 2, .kernel_initializer = nullptr}, "c"); }, &graph);
  refused(
      at, {"'c/bias' needs an initializer"}, [&] { conv2d(images, {.filters = 2, .bias_initializer = nullptr}, "c"); },
      &graph);
  for (const double l2 : {-0.5, kNaN, kInfinity})
    refused(
        at, {"l2 of the variable 'c/kernel' must not be negative, and finite; got "},
        [&] { conv2d(images, {.filters = 2, .l2 = l2}, "c"); }, &graph);
  // What only the op knows has the op's name, and the user's line all the same.
  refused("Conv2D 'c/conv'", {"10", "9"},
          [&] { conv2d(images, {.filters = 2, .kernel = 10, .padding = Padding::kValid}, "c"); });

  const std::string depthwise = "nn::depthwise_conv2d 'd'";
  refused(
      depthwise, {"x refers to nothing"}, [&] { depthwise_conv2d(none, {}, "d"); }, &graph);
  refused(
      "nn::depthwise_conv2d", {"needs a name"}, [&] { depthwise_conv2d(images, {}, ""); }, &graph);
  refused(
      depthwise, {"rank 4"}, [&] { depthwise_conv2d(rows, {}, "d"); }, &graph);
  refused(
      depthwise, {"'bytes' is uint8"}, [&] { depthwise_conv2d(bytes, {}, "d"); }, &graph);
  refused(
      depthwise, {"channels must be known"}, [&] { depthwise_conv2d(open, {}, "d"); }, &graph);
  refused(
      depthwise, {"multiplier must be at least 1; got 0"}, [&] { depthwise_conv2d(images, {.multiplier = 0}, "d"); },
      &graph);
  refused(
      depthwise, {"got 2 x 0"},
      [&] {
        depthwise_conv2d(images, {.kernel = {2, 0}}, "d");
      },
      &graph);
  refused(
      depthwise, {"strides"}, [&] { depthwise_conv2d(images, {.strides = 0}, "d"); }, &graph);
  refused(
      depthwise, {"dilations"}, [&] { depthwise_conv2d(images, {.dilations = 0}, "d"); }, &graph);
  refused(
      depthwise, {"'d/kernel' needs an initializer"},
      [&] { depthwise_conv2d(images, {.kernel_initializer = nullptr}, "d"); }, &graph);
  refused(
      depthwise, {"'d/bias' needs an initializer"},
      [&] { depthwise_conv2d(images, {.bias_initializer = nullptr}, "d"); }, &graph);
  refused(
      depthwise, {"l2 of", "got -1"}, [&] { depthwise_conv2d(images, {.l2 = -1}, "d"); }, &graph);
  refused(
      depthwise, {"kExplicit"}, [&] { depthwise_conv2d(images, {.padding = Padding::kExplicit}, "d"); }, &graph);
}

TEST_F(Mistakes, OfOtherLayers) {
  const std::string fc = "nn::dense 'fc'";
  refused(
      fc, {"x refers to nothing"}, [&] { dense(none, {.units = 3}, "fc"); }, &graph);
  refused(
      "nn::dense", {"needs a name"}, [&] { dense(rows, {.units = 3}, ""); }, &graph);
  refused(
      fc, {"units must be at least 1; got 0", "must be given"}, [&] { dense(rows, {}, "fc"); }, &graph);
  refused(
      fc, {"flatten() images first", "[?,9,8,4]"}, [&] { dense(images, {.units = 3}, "fc"); }, &graph);
  refused(fc, {"'i' is int32", "cast("}, [&] {
    dense(placeholder(graph, DType::kInt32, {-1, 3}, "i"), {.units = 3}, "fc");
  });
  refused(
      fc, {"'fc/kernel' needs an initializer"}, [&] { dense(rows, {.units = 3, .kernel_initializer = {}}, "fc"); },
      &graph);
  refused(
      fc, {"'fc/bias' needs an initializer"}, [&] { dense(rows, {.units = 3, .bias_initializer = {}}, "fc"); }, &graph);
  refused(
      fc, {"l2 of the variable 'fc/kernel'", "got -1"}, [&] { dense(rows, {.units = 3, .l2 = -1}, "fc"); }, &graph);

  const std::string bn = "nn::batch_norm 'bn'";
  refused(
      bn, {"x refers to nothing"}, [&] { batch_norm(none, {}, "bn"); }, &graph);
  refused(
      "nn::batch_norm", {"needs a name"}, [&] { batch_norm(images, {}, ""); }, &graph);
  refused(bn, {"rank 2 or more"}, [&] { batch_norm(placeholder(graph, DType::kFloat32, {3}), {}, "bn"); });
  refused(
      bn, {"known number of channels; got shape [?,9,8,?]"}, [&] { batch_norm(open, {}, "bn"); }, &graph);
  refused(
      bn, {"'bytes' is uint8"}, [&] { batch_norm(bytes, {}, "bn"); }, &graph);
  refused(
      bn, {"momentum must be in [0, 1); got 1"}, [&] { batch_norm(images, {.momentum = 1.0}, "bn"); }, &graph);
  refused(
      bn, {"epsilon", "got -1"}, [&] { batch_norm(images, {.epsilon = -1.0}, "bn"); }, &graph);

  refused(
      "nn::dropout 'd'", {"x refers to nothing"}, [&] { nn::dropout(none, {}, "d"); }, &graph);
  refused(
      "nn::dropout 'd'", {"rate must be in [0, 1); got 1", "share"}, [&] { nn::dropout(rows, {.rate = 1.0}, "d"); },
      &graph);
  refused(
      "nn::dropout 'd'", {"'labels' is int32"}, [&] { nn::dropout(labels, {}, "d"); }, &graph);
  refused(
      "nn::flatten 'f'", {"x refers to nothing"}, [&] { flatten(none, "f"); }, &graph);
  refused(
      "nn::flatten 'f'", {"needs a batch dimension; got a scalar"}, [&] { flatten(step, "f"); }, &graph);
  refused(
      "nn::flatten 'f'", {"only the batch may be unknown; got shape [?,9,8,?]"}, [&] { flatten(open, "f"); }, &graph);

  using Pool = Output (*)(const Output&, const PoolOptions&, At);
  for (const bool average : {false, true}) {
    const Pool pool = average ? avg_pool2d : max_pool2d;
    const std::string p = average ? "nn::avg_pool2d 'p'" : "nn::max_pool2d 'p'";
    refused(
        p, {"x refers to nothing"}, [&] { pool(none, {}, "p"); }, &graph);
    refused(
        p, {"rank 4"}, [&] { pool(rows, {}, "p"); }, &graph);
    refused(
        p, {"'bytes' is uint8"}, [&] { pool(bytes, {}, "p"); }, &graph);
    refused(
        p, {"size must be at least 1 row and 1 column; got 0 x 2"},
        [&] {
          pool(images, {.size = {0, 2}}, "p");
        },
        &graph);
    refused(
        p, {"size is one number or 2 values", "a list of 1"}, [&] { pool(images, {.size = {2}}, "p"); }, &graph);
    refused(
        p, {"stride must be at least 1 each, or 0 for the size; got -1 x -1"},
        [&] { pool(images, {.stride = -1}, "p"); }, &graph);
    refused(
        p, {"kExplicit"}, [&] { pool(images, {.padding = Padding::kExplicit}, "p"); }, &graph);
  }
}

TEST_F(Mistakes, OfVariables) {
  const std::string at = "nn::get_variable 'v'";
  refused(
      "nn::get_variable", {"needs a name"}, [&] { get_variable(graph, "", DType::kFloat32, {2}, zeros()); }, &graph);
  refused(
      at, {"needs an initializer"}, [&] { get_variable(graph, "v", DType::kFloat32, {2}, nullptr); }, &graph);
  refused(
      at, {"l2 of the variable 'v'", "got -2"},
      [&] { get_variable(graph, "v", DType::kFloat32, {2}, zeros(), {.l2 = -2}); }, &graph);
  refused(
      at, {"without unknown sizes; got [?,2]"},
      [&] {
        get_variable(graph, "v", DType::kFloat32, {-1, 2}, zeros());
      },
      &graph);
  refused("nn::dense 'fc'", {"initializer of 'fc/kernel' made float64 [12,3] for a variable of float32 [12,3]"}, [&] {
    dense(rows,
          {.units = 3,
           .kernel_initializer = [&](Graph& g, DType,
                                     const Shape& s) { return fill(s.dims(), scalar(g, 1.0, DType::kFloat64)); }},
          "fc");
  });
  // A bias of one number would broadcast, and never be noticed.
  refused("nn::dense 'fc'", {"initializer of 'fc/bias' made float32 [] for a variable of float32 [3]"}, [&] {
    dense(rows, {.units = 3, .bias_initializer = [](Graph& g, DType d, const Shape&) { return scalar(g, 1.0, d); }},
          "fc");
  });
  refused(at, {"made no value"}, [&] {
    get_variable(graph, "v", DType::kFloat32, {2}, [](Graph&, DType, const Shape&) { return Output(); });
  });
  refused(at, {"in another graph"}, [&] {
    get_variable(graph, "v", DType::kFloat32, {}, [&](Graph&, DType d, const Shape&) { return scalar(other, 1.0, d); });
  });
  // An initial value is made inside the library; its line is the layer's.
  refused("RandomUniform 'drawn/kernel_init/initial_value'", {"2", "1"},
          [&] { dense(rows, {.units = 3, .kernel_initializer = uniform(2.0, 1.0)}, "drawn"); });
}

TEST_F(Mistakes, OfModels) {
  for (const std::string& name : model_names()) {
    const ModelFn model = model_by_name(name);
    const std::string at = "nn::" + name;
    refused(
        at, {"images refers to nothing"}, [&] { model(none); }, &graph);
    refused(
        at, {"[batch, rows, columns, channels]; got shape [?,12]"}, [&] { model(rows); }, &graph);
    refused(
        at, {"'bytes' is uint8", "cast("}, [&] { model(bytes); }, &graph);
    refused(
        at, {"classes must be at least 1; got 0"}, [&] { model(images, {.classes = 0}); }, &graph);
    refused(
        at, {"l2 must be finite and not negative; got -1"}, [&] { model(images, {.l2 = -1}); }, &graph);
  }
  refused("nn::conv2d 'conv1'", {"the number of channels must be known"}, [&] { deep_mnist(open); });
  // A layer inside the library fails at the line where the user asked for the model.
  refused("Conv2D 'lenet5/conv2/conv'", {"5", "4"}, [&] { lenet5(images); });
  try {
    model_by_name("lenet");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kNotFound);
    EXPECT_NE(std::string(error.what()).find("did you mean lenet5"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace gradus::nn
