// Every builder function and operator of ops/*.h under bad arguments: dtypes, ranks, shapes, axes, sizes, numbers. Needs no backend.
#include "tests/support/bad_calls.h"

namespace gradus {
namespace {

TEST_F(BadArguments, EmptyLists) {
  expect_refused({
      BAD_CALL("AddN", "add_n needs at least one operand", add_n({})),
      BAD_CALL("Concat", "concat needs at least one value", concat({}, 0)),
      BAD_CALL("Stack", "stack needs at least one value", stack({})),
      BAD_CALL("group", "no_op(graph) does nothing", group({})),
      BAD_CALL("custom_gradient", "at least one input",
               custom_gradient(
                   {}, [](const auto& in) { return in; }, [](auto&, auto&, const auto& dy) { return dy; })),
      BAD_CALL("custom_gradient", "needs a forward and a backward function", custom_gradient({x}, nullptr, nullptr)),
      BAD_CALL(
          "custom_gradient", "returned no outputs",
          custom_gradient(
              {x}, [](const auto&) { return std::vector<Output>(); }, [](auto&, auto&, const auto& dy) { return dy; })),
      BAD_CALL("Split", "num_splits must be at least 1", split(x, 0, 0)),
      BAD_CALL("Split", "num_splits must be at least 1", split_sizes(x, {}, 0)),
  });
}

TEST_F(BadArguments, OperandsOfAnotherGraph) {
  const char* part = "input 1 ('stranger') belongs to another graph";
  const Operation of_other = no_op(other, "of_other");
  expect_refused({
      BAD_CALL("Add", part, x + stranger),
      BAD_CALL("Greater", part, x > stranger),
      BAD_CALL("MatMul", part, matmul(x, stranger)),
      BAD_CALL("Concat", part, concat({x, stranger}, 0)),
      BAD_CALL("Conv2D", part, conv2d(image, stranger)),
      BAD_CALL("Select", part, where(b, stranger, x)),
      BAD_CALL("Assign", part, assign(x, stranger)),
      BAD_CALL("Reshape", part, reshape(x, stranger)),
      BAD_CALL("Add", "all operands of a node must be built in one Graph", x + stranger),
      BAD_CALL("group", "'of_other' belongs to another graph", group({no_op(graph), of_other})),
  });
}

TEST_F(BadArguments, NumbersThatTheDTypeDoesNotHave) {
  Output y = n;
  expect_refused({
      BAD_CALL("Mul",
               "the number beside 'Placeholder_6' must be an integer from -2147483648 to 2147483647 for int32; got "
               "0.5; write cast(",
               n * 0.5),
      BAD_CALL("Add", "for int32; got 0.5; write cast(Placeholder_6, DType::kFloat32)", 0.5 + n),
      BAD_CALL("Add", "got 3000000000; write cast(Placeholder_6, DType::kInt64)", n + 3000000000),
      BAD_CALL("Sub", "for int32; got 0.5; write cast(Placeholder_6, DType::kFloat32)", y -= 0.5),
      BAD_CALL("Less", "for int32; got 0.5; write cast(Placeholder_6, DType::kFloat32)", n < 0.5),
      BAD_CALL("Select", "for int32; got 0.5; write cast(Placeholder_6, DType::kFloat32)", where(b, n, 0.5)),
      BAD_CALL("ClipByValue", "for int32; got 1.5; write cast(Placeholder_6, DType::kFloat32)",
               clip_by_value(n, 0.0, 1.5)),
      BAD_CALL("Equal", "must be 0 or 1 for bool; got 2; write cast(", equal(b, 2)),
      BAD_CALL("Add", "must be an integer from 0 to 255 for uint8; got -1; write cast(",
               input({2}, DType::kUInt8) + -1),
      BAD_CALL("Add", "two numbers have no graph", add(1.0, 2.0)),
      BAD_CALL("Select", "two numbers have no graph", where(b, 1.0, 2.0)),
      BAD_CALL("Neg", "a number has no graph", -Operand(2.0)),
  });
  EXPECT_EQ(y, n);
}

TEST_F(BadArguments, DTypes) {
  expect_refused({
      BAD_CALL("Add", "same dtype; got float32 [2,3] and int32 [2,3]", x + n),
      BAD_CALL("RealDiv", "(integers have floor_div)", n / n),
      BAD_CALL("FloorDiv", "must be integers; got float32", floor_div(x, x)),
      BAD_CALL("Less", "must be numeric; got bool", b < b),
      BAD_CALL("LogicalAnd", "x must be bool; got float32", logical_and(x, x)),
      BAD_CALL("LogicalNot", "x must be bool; got float32", logical_not(x)),
      BAD_CALL("Select", "condition must be bool; got float32", where(x, x, x)),
      BAD_CALL("Sqrt", "float16, bfloat16, float32 or float64; got int32", sqrt(n)),
      BAD_CALL("Relu", "numeric; got bool", relu(b)),
      BAD_CALL("Mean", "float16, bfloat16, float32 or float64; got int32", reduce_mean(n)),
      BAD_CALL("Sum", "numeric; got bool", reduce_sum(b)),
      BAD_CALL("L2Loss", "got int32", l2_loss(n)),
      BAD_CALL("ArgMax", "output_type must be int32 or int64; got float32", argmax(x, 0, DType::kFloat32)),
      BAD_CALL("InTopK", "targets must be int32 or int64; got float32", in_top_k(x, input({2}), 1)),
      BAD_CALL("MatMul", "got int32", matmul(n, n)),
      BAD_CALL("Conv2D", "must have the same dtype", conv2d(image, input({3, 3, 3, 4}, DType::kFloat64))),
      BAD_CALL("MaxPool", "got int32", max_pool(input({1, 4, 4, 1}, DType::kInt32), square_pool(2, 2))),
      BAD_CALL("Softmax", "got int32", softmax(n)),
      BAD_CALL("SparseSoftmaxCrossEntropyWithLogits", "int32 or int64 class numbers; got float32",
               sparse_softmax_cross_entropy_with_logits(input({2}), x)),
      BAD_CALL("Gather", "indices must be int32 or int64; got float32", gather(x, v)),
      BAD_CALL("OneHot", "indices must be uint8, int32 or int64; got float32", one_hot(v, 3)),
      BAD_CALL("Reshape", "target must be an int32 or int64 vector; got float32 [3]", reshape(x, v)),
      BAD_CALL("Range", "int32 or int64 operands (cast its result); got float32", range(s, s, s)),
      BAD_CALL("RandomUniform", "dtype must be floating; got int32",
               random_uniform(graph, {2}, {.dtype = DType::kInt32})),
      BAD_CALL("Dropout", "got int32", dropout(n, 0.5)),
      BAD_CALL("CheckNumerics", "got int32", check_numerics(n)),
      BAD_CALL("Placeholder", "no dtype number 42", placeholder(graph, static_cast<DType>(42), {2})),
      BAD_CALL("Cast", "no dtype number 42", cast(x, static_cast<DType>(42))),
      BAD_CALL("Constant", "the constant's tensor has no value", constant(graph, Tensor())),
      BAD_CALL("Constant", "the constant's tensor has no value", variable(graph, Tensor(), "v")),
  });
}

TEST_F(BadArguments, RanksAndShapes) {
  expect_refused({
      BAD_CALL("Add", "shapes [2,3] and [2] do not broadcast", x + input({2})),
      BAD_CALL("MatMul", "a must have rank 2; got shape [3]", matmul(v, x)),
      BAD_CALL("MatMul", "inner sizes 3 and 2 differ", matmul(x, x)),
      BAD_CALL("BatchMatMul", "a must have at least rank 2", batch_matmul(v, x)),
      BAD_CALL("Conv2D", "input must have rank 4", conv2d(x, image)),
      BAD_CALL("Conv2D", "input has 3 channels but filter expects 8", conv2d(image, input({3, 3, 8, 2}))),
      BAD_CALL("depthwise_conv2d", "must have rank 4", depthwise_conv2d(x, x)),
      BAD_CALL("MaxPool", "input must have rank 4", max_pool(x, square_pool(2, 2))),
      BAD_CALL("global_avg_pool", "rank 4, images in NHWC order; got shape [2,3]", global_avg_pool(x)),
      BAD_CALL("global_avg_pool", "images in NCHW order; got shape [1,2,3,4,5]",
               global_avg_pool(input({1, 2, 3, 4, 5}), DataFormat::kNCHW)),
      BAD_CALL("BiasAdd", "bias has 2 elements but value has 3 channels", bias_add(x, input({2}))),
      BAD_CALL("FusedBatchNorm", "x must have rank 2 or more", fused_batch_norm(v, v, v)),
      BAD_CALL("FusedBatchNorm", "needs mean and variance", fused_batch_norm(x, v, v, {.is_training = false})),
      BAD_CALL("Softmax", "rank 1 or more; got a scalar", softmax(s)),
      BAD_CALL("Concat", "all dimensions but axis 0 must agree", concat({x, input({2, 4})}, 0)),
      BAD_CALL("Stack", "all values must have the same shape", stack({x, v})),
      BAD_CALL("Reshape", "the same number of elements; got shape [2,3] to [7]", reshape(x, {7})),
      BAD_CALL("Squeeze", "only dimensions of size 1", squeeze(x, {0})),
      BAD_CALL("BroadcastTo", "shape [2,3] does not broadcast to [2,4]", broadcast_to(x, {2, 4})),
      BAD_CALL("SumToShape", "does not broadcast", sum_to_shape(x, constant(graph, {4}))),
      BAD_CALL("Transpose", "perm must be a permutation", transpose(x, {0, 0})),
      BAD_CALL("Fill", "value must have rank 0; got shape [3]", fill({2}, v)),
      BAD_CALL("Variable", "a variable needs a fully known shape; got [?]", variable(input({-1}))),
      BAD_CALL("Assign", "must be a variable; got Placeholder", assign(x, x)),
      BAD_CALL("ApplyAdam", "must be a variable", apply_adam(x, x, x, s, x, s)),
      BAD_CALL("ReluGrad", "dy and the other operand must have the same shape; got dy ", relu_grad(x, v)),
      BAD_CALL("InTopK", "as many rows", in_top_k(x, input({3}, DType::kInt32), 1)),
      BAD_CALL("ExpandDims", "at most 8 dimensions", expand_dims(input({1, 1, 1, 1, 1, 1, 1, 1}), 0)),
  });
}

TEST_F(BadArguments, AxesAndSizes) {
  expect_refused({
      BAD_CALL("Sum", "axis 2 is outside [-2, 2)", reduce_sum(x, {2})),
      BAD_CALL("Max", "axis 1 is named twice", reduce_max(x, {1, -1})),
      BAD_CALL("Sum", "a scalar has no axes; got axis 0", reduce_sum(s, {0})),
      BAD_CALL("ArgMax", "axis -3 is outside [-2, 2)", argmax(x, -3)),
      BAD_CALL("ArgMin", "has no elements", argmin(input({0}), 0)),
      BAD_CALL("InTopK", "k must be at least 0; got -1", in_top_k(x, i, -1)),
      BAD_CALL("Concat", "axis 2 is outside", concat({x, x}, 2)),
      BAD_CALL("Concat", "stack() makes a vector of them; got 2 scalars", concat({s, s}, 0)),
      BAD_CALL("Split", "num_splits must divide the dimension; got num_splits 2", split(x, 2, 1)),
      BAD_CALL("Split", "axis 5 is outside", split(x, 1, 5)),
      BAD_CALL("Split", "sizes must add up", split_sizes(x, {1, 1}, 1)),
      BAD_CALL("Split", "sizes must be at least 0, or -1 once", split_sizes(x, {-2, 5}, 1)),
      BAD_CALL("Stack", "axis 3 is outside", stack({x}, 3)),
      BAD_CALL("Unstack", "axis 2 is outside", unstack(x, 2)),
      BAD_CALL("Unstack", "num must be the size of axis 0", unstack(input({-1}))),
      BAD_CALL("Unstack", "would become 1000000000 results", unstack(input({1000000000}))),
      BAD_CALL("ExpandDims", "axis must lie in [-3, 2]", expand_dims(x, 4)),
      BAD_CALL("Squeeze", "axis 2 is outside", squeeze(x, {2})),
      BAD_CALL("Gather", "axis 2 is outside", gather(x, i, 2)),
      BAD_CALL("OneHot", "depth must be at least 0; got -1", one_hot(i, -1)),
      BAD_CALL("OneHot", "axis 7 is outside", one_hot(i, {.depth = 3, .axis = 7})),
      BAD_CALL("Reshape", "at least 0, or -1 once; got shape [2,3] to [-2]", reshape(x, {-2})),
      BAD_CALL("Fill", "sizes must be at least 0; got dims [-2]", fill({-2}, s)),
      BAD_CALL("BroadcastTo", "sizes must be at least 0", broadcast_to(x, {-2, 3})),
      BAD_CALL("Tile", "one element >= 0 per dimension of [2,3]; got [-1,1]", tile(x, {-1, 1})),
      BAD_CALL("Pad", "paddings must be at least 0; got paddings [-1,0,0,0]", pad(x, {-1, 0, 0, 0})),
      BAD_CALL("MirrorPad", "smaller than the dimension", pad(x, {2, 0, 0, 0}, PadMode::kReflect)),
      BAD_CALL("Slice", "begin must be at least 0", slice(x, {-1, 0}, {1, 1})),
      BAD_CALL("Slice", "leaves axis 0 of shape [2,3]", slice(x, {1, 0}, {2, 1})),
      BAD_CALL("StridedSlice", "strides must not be 0", strided_slice(x, {0}, {1}, {0})),
      BAD_CALL("Range", "delta must not be 0", range(graph, 0, 4, 0)),
      BAD_CALL("RandomNormal", "sizes must be at least 0; got shape [-2]", random_normal(graph, {-2})),
      BAD_CALL("RandomUniform", "low must be below high", random_uniform(graph, {2}, {.low = 1, .high = 0})),
      BAD_CALL("TruncatedNormal", "stddev at least 0", truncated_normal(graph, {2}, {.stddev = -1})),
      BAD_CALL("Dropout", "rate must be in [0, 1); got 1.5", dropout(x, 1.5)),
      BAD_CALL("Conv2D", "strides for rows and columns must be at least 1",
               conv2d(image, image, {.strides = {1, 0, 1, 1}})),
      BAD_CALL("Conv2DBackpropFilter", "filter_sizes must not be negative",
               conv2d_backprop_filter(image, {3, 3, -3, 4}, image)),
      BAD_CALL("MaxPool", "ksize for rows and columns must be at least 1", max_pool(image, square_pool(0, 1))),
      BAD_CALL("FusedBatchNorm", "epsilon must not be negative; got -1", fused_batch_norm(x, v, v, {.epsilon = -1})),
  });
}

TEST_F(BadArguments, AttributesOfUpdates) {
  const Output w = variable(graph, Tensor::zeros(DType::kFloat32, {2}), "w"),
               m = variable(graph, Tensor::zeros(DType::kFloat32, {2}), "m"),
               u = variable(graph, Tensor::zeros(DType::kFloat32, {2}), "u"), g = input({2}),
               step = constant(graph, std::int64_t{1});
  expect_refused({
      BAD_CALL("ApplyRMSProp", "rho must be in [0, 1]; got 1.5", apply_rms_prop(w, m, u, s, g, s, {.rho = 1.5})),
      BAD_CALL("ApplyRMSProp", "epsilon must not be negative; got -1",
               apply_rms_prop(w, m, u, s, g, s, {.epsilon = -1})),
      BAD_CALL("ApplyAdam", "beta1 and beta2 must be in [0, 1); got 1 and 0.999",
               apply_adam(w, m, u, s, g, step, {.beta1 = 1})),
      BAD_CALL("ApplyAdam", "epsilon must not be negative; got -1", apply_adam(w, m, u, s, g, step, {.epsilon = -1})),
      BAD_CALL("ApplyAdam", "weight_decay must not be negative; got -1",
               apply_adam(w, m, u, s, g, step, {.weight_decay = -1})),
      BAD_CALL("ApplyGradientDescent", "learning_rate must be a float32 scalar; got float32 [2]",
               apply_gradient_descent(w, g, g)),
      BAD_CALL("Print", "must be at least 0 and below 2^31; got -1", print(x, "", -1)),
  });
}

TEST_F(BadArguments, AShapeThatCannotBeNamesTheLineOfItsBraces) {
  const int line = __LINE__ + 2;
  try {
    placeholder(graph, DType::kFloat32, {-2, 3});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("[Shape at bad_arguments_test.cc:" + std::to_string(line) + "]", 0), 0u)
        << error.what();
  }
}

TEST_F(BadArguments, OperatorsNameALineOfTheirExpression) {
  const int line = __LINE__ + 3;
  try {
    // clang-format off
    (void)tanh(x +
               n);
    // clang-format on
    ADD_FAILURE();
  } catch (const Error& error) {
    const std::string at = " at bad_arguments_test.cc:";
    const std::string text = error.what();
    const int named = std::stoi(text.substr(text.find(at) + at.size()));
    EXPECT_TRUE(named == line || named == line + 1) << text;  // compilers differ in which line an operand is made
  }
}

TEST_F(BadArguments, LeaveTheGraphAsItWas) {
  const int nodes = graph.num_nodes();
  EXPECT_THROW(x + n, Error);
  EXPECT_THROW(relu(none), Error);
  EXPECT_THROW(concat({x, none}, 0), Error);
  EXPECT_EQ(graph.num_nodes(), nodes);
}

}  // namespace
}  // namespace gradus
