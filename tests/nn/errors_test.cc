// Every public builder of nn refuses what cannot be meant, names itself and the line of the call, the value, and what to do.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/core/function_ref.h"

namespace gradus::nn {
namespace {

const double kNaN = std::nan("");
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// `call` throws, and the text begins with "[place", where the place is "nn::dense 'fc'" or the like, has the line of the call in
// this file, and holds every part. With `untouched`, that graph has no more nodes than before.
void refused(const std::string& place, const std::vector<std::string>& parts, FunctionRef<void()> call,
             const Graph* untouched = nullptr, Code code = Code::kInvalidArgument,
             SourceLocation here = SourceLocation::current()) {
  const int nodes = untouched == nullptr ? 0 : untouched->num_nodes();
  try {
    call();
    ADD_FAILURE_AT(here.file, here.line) << "no error";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), code) << here.line << ": " << error.full_text();
    EXPECT_EQ(text.find("[" + place + " at errors_test.cc:"), 0U) << here.line << ": " << text;
    const std::size_t at = text.find("errors_test.cc:");
    const int line = at == std::string::npos ? 0 : std::atoi(text.c_str() + at + 15);
    EXPECT_GE(line, here.line) << text;
    EXPECT_LE(line, here.line + 8) << text;
    for (const std::string& part : parts) {
      EXPECT_NE(text.find(part), std::string::npos) << here.line << ": '" << part << "' is not in: " << text;
    }
  }
  if (untouched != nullptr) {
    EXPECT_EQ(untouched->num_nodes(), nodes) << here.line;
  }
}

class Mistakes : public ::testing::Test {
 protected:
  Graph graph, other;
  Output none;
  Output images = placeholder(graph, DType::kFloat32, {-1, 9, 8, 4}, "images");
  Output bytes = placeholder(graph, DType::kUInt8, {-1, 9, 8, 4}, "bytes");
  Output open = placeholder(graph, DType::kFloat32, {-1, 9, 8, -1}, "open");
  Output rows = placeholder(graph, DType::kFloat32, {-1, 12}, "rows");
  Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  Output step = placeholder(graph, DType::kInt64, {}, "step");
  Output foreign = placeholder(other, DType::kFloat32, {-1, 12}, "foreign");
};

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

  using Pool = Output (*)(const Output&, const PoolOptions&, std::string_view, SourceLocation);
  for (const bool average : {false, true}) {
    const Pool pool = average ? avg_pool2d : max_pool2d;
    const std::string p = average ? "nn::avg_pool2d 'p'" : "nn::max_pool2d 'p'";
    refused(
        p, {"x refers to nothing"}, [&] { pool(none, {}, "p", SourceLocation::current()); }, &graph);
    refused(
        p, {"rank 4"}, [&] { pool(rows, {}, "p", SourceLocation::current()); }, &graph);
    refused(
        p, {"'bytes' is uint8"}, [&] { pool(bytes, {}, "p", SourceLocation::current()); }, &graph);
    refused(
        p, {"size must be at least 1 row and 1 column; got 0 x 2"},
        [&] {
          pool(images, {.size = {0, 2}}, "p", SourceLocation::current());
        },
        &graph);
    refused(
        p, {"size is one number or 2 values", "a list of 1"},
        [&] { pool(images, {.size = {2}}, "p", SourceLocation::current()); }, &graph);
    refused(
        p, {"stride must be at least 1 each, or 0 for the size; got -1 x -1"},
        [&] { pool(images, {.stride = -1}, "p", SourceLocation::current()); }, &graph);
    refused(
        p, {"kExplicit"}, [&] { pool(images, {.padding = Padding::kExplicit}, "p", SourceLocation::current()); },
        &graph);
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

TEST_F(Mistakes, OfLosses) {
  const Output logits = placeholder(graph, DType::kFloat32, {-1, 3}, "logits");
  const Output targets = placeholder(graph, DType::kFloat32, {-1}, "targets");
  const std::string mse = "nn::mean_squared_error 'mse'";
  refused(
      mse, {"targets refers to nothing"}, [&] { mean_squared_error(none, targets, "mse"); }, &graph);
  refused(
      mse, {"predictions refers to nothing"}, [&] { mean_squared_error(targets, none, "mse"); }, &graph);
  refused(
      mse, {"the same shape; got [?] and [?,3]", "reshape()"}, [&] { mean_squared_error(targets, logits, "mse"); },
      &graph);
  refused(
      mse, {"the same dtype; got int32 and float32", "cast()"}, [&] { mean_squared_error(labels, targets, "mse"); },
      &graph);
  refused(
      mse, {"must be floating; 'labels' is int32"}, [&] { mean_squared_error(labels, labels, "mse"); }, &graph);
  refused(
      mse, {"'rows' and 'foreign' belong to different graphs"}, [&] { mean_squared_error(rows, foreign, "mse"); },
      &graph);
  refused(
      "nn::mean_squared_error", {"needs a name"}, [&] { mean_squared_error(rows, rows, ""); }, &graph);

  const std::string soft = "nn::softmax_loss 's'";
  refused(
      soft, {"labels refers to nothing"}, [&] { softmax_loss(none, logits, {}, "s"); }, &graph);
  refused(
      soft, {"logits refers to nothing"}, [&] { softmax_loss(logits, none, {}, "s"); }, &graph);
  refused(
      soft, {"labels must be distributions like the logits, float32 [?,3]; got int32 [?]", "sparse_softmax_loss()"},
      [&] { softmax_loss(labels, logits, {}, "s"); }, &graph);
  refused(
      soft, {"logits must be [batch, classes]; got shape [?]"}, [&] { softmax_loss(targets, targets, {}, "s"); },
      &graph);
  refused(
      soft, {"label_smoothing must be in [0, 1); got -0.1"},
      [&] { softmax_loss(logits, logits, {.label_smoothing = -0.1}, "s"); }, &graph);
  refused(
      soft, {"different graphs"}, [&] { softmax_loss(foreign, logits, {}, "s"); }, &graph);

  const std::string sparse = "nn::sparse_softmax_loss 's'";
  refused(
      sparse, {"labels refers to nothing"}, [&] { sparse_softmax_loss(none, logits, {}, "s"); }, &graph);
  refused(
      sparse, {"logits refers to nothing"}, [&] { sparse_softmax_loss(labels, none, {}, "s"); }, &graph);
  refused(
      sparse, {"int32 or int64 class numbers [?] for logits [?,3]; got float32 [?,3]", "softmax_loss() takes"},
      [&] { sparse_softmax_loss(logits, logits, {}, "s"); }, &graph);
  refused(
      sparse, {"'labels' is int32"}, [&] { sparse_softmax_loss(labels, labels, {}, "s"); }, &graph);
  refused(
      sparse, {"label_smoothing must be in [0, 1); got 1"},
      [&] { sparse_softmax_loss(labels, logits, {.label_smoothing = 1.0}, "s"); }, &graph);

  refused(
      "nn::with_regularization 'total_loss'", {"loss refers to nothing"}, [&] { with_regularization(none); }, &graph);
  refused(
      "nn::with_regularization 'total_loss'", {"must be a scalar (reduce_mean() it first); got shape [?]"},
      [&] { with_regularization(targets); }, &graph);
  get_variable(graph, "w", DType::kFloat64, {2}, ones(), {.l2 = 0.1});
  refused("nn::with_regularization 'total_loss'", {"the loss is float32, the regularisation", "float64"},
          [&] { with_regularization(reduce_mean(targets)); });
}

TEST_F(Mistakes, OfMetrics) {
  const Output logits = placeholder(graph, DType::kFloat32, {-1, 3}, "logits");
  refused(
      "nn::accuracy 'a'", {"labels refers to nothing"}, [&] { accuracy(none, logits, "a"); }, &graph);
  refused(
      "nn::accuracy 'a'", {"logits refers to nothing"}, [&] { accuracy(labels, none, "a"); }, &graph);
  refused(
      "nn::accuracy 'a'", {"int32 or int64 class numbers; got float32"}, [&] { accuracy(logits, logits, "a"); },
      &graph);
  refused(
      "nn::top_k_accuracy 't'", {"labels refers to nothing"}, [&] { top_k_accuracy(none, logits, 2, "t"); }, &graph);
  refused(
      "nn::top_k_accuracy 't'", {"logits refers to nothing"}, [&] { top_k_accuracy(labels, none, 2, "t"); }, &graph);
  refused(
      "nn::top_k_accuracy 't'", {"k must be at least 1; got 0"}, [&] { top_k_accuracy(labels, logits, 0, "t"); },
      &graph);
  refused("nn::ConfusionMatrix", {"at least one class; got 0"}, [] { ConfusionMatrix matrix(0); });
}

TEST_F(Mistakes, OfSchedules) {
  const Output rate = scalar(graph, 0.1, DType::kFloat64, "rate");
  for (const Output& wrong : {none, rate, labels}) {
    const std::string part = wrong.valid() ? "step must be an integer scalar" : "step refers to nothing";
    refused(
        "nn::piecewise_constant", {part},
        [&] {
          piecewise_constant(wrong, {1}, {1, 2});
        },
        &graph);
    refused(
        "nn::exponential_decay", {part}, [&] { exponential_decay(wrong, 0.1, 10, 0.9); }, &graph);
    refused(
        "nn::cosine_decay", {part}, [&] { cosine_decay(wrong, 0.1, 10); }, &graph);
    refused(
        "nn::linear_warmup", {part}, [&] { linear_warmup(wrong, rate, 10); }, &graph);
    refused(
        "nn::one_cycle", {part}, [&] { one_cycle(wrong, {}); }, &graph);
  }
  refused(
      "nn::piecewise_constant", {"one more value than boundaries", "got 1 values, 1 boundaries"},
      [&] { piecewise_constant(step, {10}, {1.0}); }, &graph);
  refused(
      "nn::piecewise_constant", {"boundaries must increase; boundary 1 is 10 after 10"},
      [&] {
        piecewise_constant(step, {10, 10}, {1, 2, 3});
      },
      &graph);
  refused(
      "nn::piecewise_constant", {"a value must be finite; got nan"},
      [&] {
        piecewise_constant(step, {10}, {1, kNaN});
      },
      &graph);
  refused(
      "nn::exponential_decay", {"decay_steps must be positive and finite; got 0"},
      [&] { exponential_decay(step, 0.1, 0, 0.9); }, &graph);
  refused(
      "nn::exponential_decay", {"decay_rate must be positive and finite; got -0.9"},
      [&] { exponential_decay(step, 0.1, 10, -0.9); }, &graph);
  refused(
      "nn::exponential_decay", {"rate must be finite; got inf"}, [&] { exponential_decay(step, kInfinity, 10, 0.9); },
      &graph);
  refused(
      "nn::cosine_decay", {"decay_steps must be positive and finite; got 0"}, [&] { cosine_decay(step, 0.1, 0); },
      &graph);
  refused(
      "nn::cosine_decay", {"final_rate must be finite; got nan"}, [&] { cosine_decay(step, 0.1, 10, kNaN); }, &graph);
  refused(
      "nn::linear_warmup", {"warmup_steps must be positive and finite; got -1"}, [&] { linear_warmup(step, rate, -1); },
      &graph);
  refused(
      "nn::linear_warmup", {"rate refers to nothing"}, [&] { linear_warmup(step, none, 10); }, &graph);
  refused(
      "nn::linear_warmup", {"float64 scalar, such as another schedule's; 'images' is float32 [?,9,8,4]"},
      [&] { linear_warmup(step, images, 10); }, &graph);
  refused(
      "nn::one_cycle", {"total_steps must be positive and finite; got 0"}, [&] { one_cycle(step, {.total_steps = 0}); },
      &graph);
  refused(
      "nn::one_cycle", {"warmup_fraction must be in (0, 1); got 1"}, [&] { one_cycle(step, {.warmup_fraction = 1}); },
      &graph);
  refused(
      "nn::one_cycle", {"divide must be positive and finite; got 0"}, [&] { one_cycle(step, {.divide = 0}); }, &graph);
  refused(
      "nn::one_cycle", {"final_divide must be"}, [&] { one_cycle(step, {.final_divide = -1}); }, &graph);
  refused(
      "nn::one_cycle", {"max_rate must be finite; got nan"}, [&] { one_cycle(step, {.max_rate = kNaN}); }, &graph);
}

TEST_F(Mistakes, OfOptimizers) {
  for (const double rate : {-1.0, kNaN, kInfinity}) {
    const std::string part = "learning_rate must be finite and not negative; got ";
    refused("nn::LearningRate", {part}, [&] { sgd({.learning_rate = rate}); });
    refused("nn::LearningRate", {part}, [&] { momentum({.learning_rate = rate}); });
    refused("nn::LearningRate", {part}, [&] { rms_prop({.learning_rate = rate}); });
    refused("nn::LearningRate", {part}, [&] { adam({.learning_rate = rate}); });
    refused("nn::LearningRate", {part}, [&] { adamw({.learning_rate = rate}); });
  }
  // A schedule that was never built would otherwise be a rate of 0, and training would stand still.
  refused("nn::LearningRate", {"learning_rate refers to nothing"}, [&] { sgd({.learning_rate = none}); });
  refused("nn::LearningRate", {"must be floating; 'step' is int64", "nn::cosine_decay"},
          [&] { sgd({.learning_rate = step}); });
  refused("nn::sgd", {"clipping.by_value must not be negative", "got -1"},
          [&] { sgd({.clipping = {.by_value = -1}}); });
  refused("nn::adam", {"clipping.by_global_norm", "got nan"}, [&] { adam({.clipping = {.by_global_norm = kNaN}}); });
  refused("nn::momentum", {"momentum must be in [0, 1); got 1.5"}, [&] { momentum({.momentum = 1.5}); });
  refused("nn::rms_prop", {"rho must be in [0, 1); got 1"}, [&] { rms_prop({.rho = 1}); });
  refused("nn::rms_prop", {"momentum must be in [0, 1); got -1"}, [&] { rms_prop({.momentum = -1}); });
  refused("nn::rms_prop", {"epsilon", "got -1"}, [&] { rms_prop({.epsilon = -1}); });
  refused("nn::adam", {"beta1 must be in [0, 1); got 1"}, [&] { adam({.beta1 = 1}); });
  refused("nn::adam", {"beta2 must be in [0, 1); got -0.5"}, [&] { adam({.beta2 = -0.5}); });
  refused("nn::adam", {"epsilon", "got -1"}, [&] { adam({.epsilon = -1}); });
  refused("nn::adamw", {"weight_decay must be finite and not negative; got -0.1"},
          [&] { adamw({.weight_decay = -0.1}); });
  refused(
      "nn::clip_by_global_norm", {"max_norm must be positive", "got 0"}, [&] { clip_by_global_norm({rows}, 0); }, &graph);
  refused(
      "nn::clip_by_global_norm", {"one of the tensors refers to nothing"},
      [&] {
        clip_by_global_norm({rows, none}, 1);
      },
      &graph);

  refused("minimize ''", {"the loss refers to nothing"}, [&] { sgd().minimize(none); });
  refused(
      "minimize 'step'", {"the graph has no trainable variables"}, [&] { sgd().minimize(step); }, &graph);
  refused(
      "minimize 'rows'", {"must be a scalar (reduce_mean it?); got shape [?,12]"}, [&] { sgd().minimize(rows); },
      &graph);
  const Output w = get_variable(graph, "w", DType::kFloat32, {}, ones());
  const Output loss = identity(w * w, "loss");
  refused(
      "compute_gradients 'rows'", {"must be a scalar"}, [&] { sgd().compute_gradients(rows); }, &graph);
  refused(
      "minimize 'loss'", {"an optimiser updates variables; got [Placeholder 'rows'"},
      [&] { sgd().minimize(loss, {rows}); }, &graph);
  refused("apply_gradients 'sgd'", {"there are no gradients to apply"}, [&] { sgd().apply_gradients({}); });
  refused("apply_gradients 'sgd'", {"no gradient for [Variable 'w'"}, [&] { sgd().apply_gradients({{none, w}}); });
  refused("minimize 'loss'", {"a learning rate is a scalar; got shape [?,12]"},
          [&] { sgd({.learning_rate = rows}).minimize(loss); });

  const std::string ema = "nn::ExponentialMovingAverage";
  refused(ema, {"decay must be in [0, 1); got 1"}, [&] { ExponentialMovingAverage(graph, 1.0); });
  refused(ema, {"the graph has no trainable ones"}, [&] { ExponentialMovingAverage(other, 0.9); });
  refused(ema, {"a variable refers to nothing"}, [&] { ExponentialMovingAverage(graph, 0.9, {none}); });
  refused(ema, {"needs floating variables; 'rows' is float32 Placeholder"},
          [&] { ExponentialMovingAverage(graph, 0.9, {rows}); });
  const Output far = variable(other, Tensor::scalar(1.0F), "far");
  refused(ema, {"the variable 'far' belongs to another graph"}, [&] { ExponentialMovingAverage(graph, 0.9, {far}); });
  const ExponentialMovingAverage averages(graph, 0.9);
  refused(ema + "::update", {"refers to nothing; pass what minimize() returned"},
          [&] { averages.update(Operation()); });
  refused(
      ema + "::average", {"no moving average is kept of 'rows'"}, [&] { averages.average(rows); }, &graph,
      Code::kNotFound);
  refused(ema + "::average", {"the variable refers to nothing"}, [&] { averages.average(none); });
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

// In explain(), in profiles and in every error, a layer's nodes point at the user's program and not into the library.
TEST_F(Mistakes, AllNodesOfLayersAndOptimisersHaveTheLineOfTheUsersProgram) {
  const Output logits = dense(flatten(batch_norm(conv2d(images, {.filters = 2, .l2 = 0.1}))), {.units = 3});
  const Output loss = with_regularization(sparse_softmax_loss(labels, logits, {.label_smoothing = 0.1}));
  const Operation train =
      adam({.learning_rate = cosine_decay(global_step(graph), 0.1, 10), .clipping = {.by_global_norm = 1}})
          .minimize(loss);
  const ExponentialMovingAverage averages(graph, 0.9);
  averages.update(train);
  accuracy(labels, logits);
  for (int id = 0; id < graph.num_nodes(); ++id)
    EXPECT_EQ(graph.node(id).file(), "errors_test.cc") << graph.node(id).where();
}

}  // namespace
}  // namespace gradus::nn
