// Every loss, metric, schedule and optimiser of nn refuses what cannot be meant, names itself and the line of the call, the value, and what to do.
#include "tests/nn/mistakes.h"

namespace gradus::nn {
namespace {

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
  const std::string swapped =
      "takes the labels first, then the logits; got 'logits' float32 as labels and 'labels' int32";
  refused(
      sparse, {swapped}, [&] { sparse_softmax_loss(logits, labels, {}, "s"); }, &graph);
  refused(
      "nn::accuracy 'a'", {swapped}, [&] { accuracy(logits, labels, "a"); }, &graph);
  refused(
      "nn::top_k_accuracy 't'", {swapped}, [&] { top_k_accuracy(logits, labels, 2, "t"); }, &graph);
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
      "nn::clip_by_global_norm", {"max_norm must be positive", "got 0"}, [&] { clip_by_global_norm({rows}, 0); },
      &graph);
  refused(
      "nn::clip_by_global_norm", {"one of the tensors refers to nothing"},
      [&] {
        clip_by_global_norm({rows, none}, 1);
      },
      &graph);

  refused("minimize '(no loss)'", {"the loss refers to nothing"}, [&] { sgd().minimize(none); });
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

// In explain(), in profiles and in every error, a layer's nodes point at the user's program and not into the library.
TEST_F(Mistakes, AllNodesOfLayersAndOptimisersHaveTheLineOfTheUsersProgram) {
  const int first = graph.num_nodes();
  const Output logits = dense(flatten(batch_norm(conv2d(images, {.filters = 2, .l2 = 0.1}))), {.units = 3});
  const Output loss = with_regularization(sparse_softmax_loss(labels, logits, {.label_smoothing = 0.1}));
  const Operation train =
      adam({.learning_rate = cosine_decay(global_step(graph), 0.1, 10), .clipping = {.by_global_norm = 1}})
          .minimize(loss);
  const ExponentialMovingAverage averages(graph, 0.9);
  averages.update(train);
  accuracy(labels, logits);
  for (int id = first; id < graph.num_nodes(); ++id)
    EXPECT_EQ(graph.node(id).file(), "training_errors_test.cc") << graph.node(id).where();
}

}  // namespace
}  // namespace gradus::nn
