#include "gradus/autodiff/check/check_gradients.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/autodiff/check/float64_twin.h"
#include "gradus/autodiff/check/gradient_blame.h"
#include "gradus/autodiff/check/jacobian_check.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/core/caller.h"
#include "gradus/core/philox.h"
#include "gradus/graph/graph_roles.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// An x of the check, in the twin.
struct Point {
  Output x;
  std::string name;
  DType dtype;  // in the user's graph
};

std::vector<Output> with(std::vector<Output> outputs, const Output& more) {
  outputs.push_back(more);
  return outputs;
}

void check_arguments(const Caller& caller, const Output& loss, const std::vector<Output>& xs,
                     const CheckOptions& options) {
  require_valid(caller, "the loss", loss);
  if (xs.empty()) caller.fail("needs at least one x");
  if (options.order < 1) caller.fail(fmt::format("order must be at least 1; got {}", options.order));
  for (std::size_t i = 0; i < xs.size(); ++i) require_valid(caller, fmt::format("xs[{}]", i).c_str(), xs[i]);
  for (const Output& o : with(xs, loss)) {
    if (&o.graph() != &loss.graph()) caller.fail("'" + o.name() + "' belongs to another graph");
    if (!is_floating(o.dtype())) {
      caller.fail(
          fmt::format("needs floating outputs; '{}' is {}, {}", o.name(), dtype_name(o.dtype()), o.node().where()));
    }
  }
  for (const auto& [output, value] : options.feeds) {
    if (!output.valid() || !value.defined()) caller.fail("a feed has no output or no value");
    if (&output.graph() != &loss.graph()) caller.fail("the fed '" + output.name() + "' belongs to another graph");
    // Floating values are taken as float64 whatever they were.
    if (is_floating(output.dtype()) ? !is_floating(value.dtype()) : value.dtype() != output.dtype()) {
      caller.fail(fmt::format("the value for '{}' is {}; it needs {}", output.name(), dtype_name(value.dtype()),
                              dtype_name(output.dtype())));
    }
    if (!value.shape().compatible_with(output.shape())) {
      caller.fail(fmt::format("the value for '{}' has shape {}; it needs {}", output.name(), value.shape().to_string(),
                              output.shape().to_string()));
    }
  }
}

class Checker {
 public:
  Checker(const Output& loss, const std::vector<Output>& xs, const CheckOptions& options)
      : options_(options),
        twin_(with(xs, loss), fed_outputs(options.feeds), options.device),
        session_(twin_.graph(),
                 {.device = options.device,
                  .seed = options.seed,
                  .num_threads = options.num_threads,
                  .conv_algorithm = ConvAlgorithm::kDirect}),  // also for what a custom gradient computes in float32
        blame_(session_, options) {
    for (const auto& [output, value] : options.feeds) {
      feeds_.emplace_back(twin_.of(output), is_floating(value.dtype()) ? value.cast(DType::kFloat64) : value.clone());
    }
    for (const Output& x : xs) draw_if_free(x);
    refuse_free_placeholders();
    for (const Output& x : xs) add_point(x);
  }

  GradientReport run(const Output& loss) {
    // An automatic name, "Mean_3", tells a reader nothing.
    const bool named = !is_named_after_op(loss.node());
    const std::string name = named ? loss.name() : loss.shape().rank() == 0 ? "loss" : "y";
    if (!named) report_.names.insert(report_.names.begin(), name + ": " + loss.node().where());
    check_order(twin_.of(loss), name, 1, points_);
    return std::move(report_);
  }

 private:
  bool is_fed(const Output& output) const { return fed_outputs(feeds_).contains(output); }

  Tensor draw(const Shape& shape) {
    return random_normal_tensor(DType::kFloat64, shape, mix64(options_.seed + ++drawn_));
  }

  void draw_if_free(const Output& original) {
    const Output x = twin_.of(original);
    if (x.node().def().kind != OpKind::kPlaceholder || is_fed(x)) return;
    if (!x.shape().fully_known()) {
      throw invalid_argument(
          fmt::format("{} check_gradients cannot draw '{}' of shape {}; give its value in options.feeds",
                      x.node().where(), x.name(), x.shape().to_string()));
    }
    feeds_.emplace_back(x, draw(x.shape()));
  }

  void refuse_free_placeholders() {
    for (int id = 0; id < twin_.graph().num_nodes(); ++id) {
      Node& node = twin_.graph().node(id);
      if (node.def().kind == OpKind::kPlaceholder && !is_fed(node.output(0))) {
        throw invalid_argument(fmt::format(
            "{} check_gradients needs the value of placeholder '{}' ({} {}) in options.feeds", node.where(),
            node.name(),
            is_floating(node.output_info(0).dtype) ? "of any floating dtype," : dtype_name(node.output_info(0).dtype),
            node.output_info(0).shape.to_string()));
      }
    }
  }

  void add_point(const Output& original) {
    const Output x = twin_.of(original);
    if (x.node().def().kind == OpKind::kVariable && !is_fed(x)) feeds_.emplace_back(x, value_of(x));
    points_.push_back({x, original.name(), original.dtype()});
    if (is_named_after_op(original.node())) report_.names.push_back(original.name() + ": " + original.node().where());
  }

  Tensor value_of(const Output& output) { return run_again(session_, feeds_, {output})[0]; }

  void check_order(const Output& y, const std::string& y_name, int order, std::vector<Point> points) {
    Graph& graph = twin_.graph();
    const Output grad_y = placeholder(graph, DType::kFloat64, y.shape(), fmt::format("check/grad_y_{}", order));
    const std::vector<Jacobian> jacobians = build_jacobians(y, y_name, order, points, grad_y);

    // All that are fed anyway are compared together; inner outputs one by one, because feeding one cuts it off from
    // the others.
    std::vector<Jacobian> together;
    for (const Jacobian& jacobian : jacobians) {
      if (is_fed(jacobian.x)) {
        together.push_back(jacobian);
      } else {
        feeds_.emplace_back(jacobian.x, value_of(jacobian.x));
        compare(y, grad_y, {jacobian});
        feeds_.pop_back();
      }
    }
    if (!together.empty()) compare(y, grad_y, together);
    if (order >= options_.order) return;

    // The next order: the gradients are the new ys, and the gradient that came in is one more x.
    points.push_back({grad_y, "grad_y(" + y_name + ")", DType::kFloat64});
    feeds_.emplace_back(grad_y, draw(value_of(y).shape()));
    for (const Jacobian& jacobian : jacobians) {
      if (jacobian.gradient.valid())
        check_order(jacobian.gradient, fmt::format("d({})/d({})", y_name, jacobian.check.x), order + 1, points);
    }
    feeds_.pop_back();
  }

  // One for every point whose gradient can be built. The others are reported.
  std::vector<Jacobian> build_jacobians(const Output& y, const std::string& y_name, int order,
                                        const std::vector<Point>& points, const Output& grad_y) {
    std::vector<Jacobian> jacobians;
    std::vector<Output> xs;
    for (const Point& point : points) {
      jacobians.push_back({point.x, {}, {.y = y_name, .x = point.name, .order = order, .dtype = point.dtype}});
      xs.push_back(point.x);
    }
    try {
      const std::vector<Output> grads = gradients(y, xs, grad_y);
      for (std::size_t i = 0; i < grads.size(); ++i) jacobians[i].gradient = grads[i];
      return jacobians;
    } catch (const Error&) {
      // One of them fails; which one shows below.
    }
    std::vector<Jacobian> built;
    for (Jacobian& jacobian : jacobians) {
      try {
        jacobian.gradient = gradients(y, {jacobian.x}, grad_y)[0];
        built.push_back(std::move(jacobian));
      } catch (const Error& error) {
        jacobian.check.verdict = Verdict::kFail;
        jacobian.check.reason = error.full_text();
        report_.checks.push_back(std::move(jacobian.check));
      }
    }
    return built;
  }

  void compare(const Output& y, const Output& grad_y, std::vector<Jacobian> jacobians) {
    compare_jacobians(session_, y, grad_y, feeds_, jacobians, options_);
    for (auto& [x, gradient, check] : jacobians) {
      if (check.verdict == Verdict::kFail) check.to_blame = blame_.find(y, x, feeds_);
      report_.checks.push_back(std::move(check));
    }
  }

  const CheckOptions& options_;
  Float64Twin twin_;
  Session session_;
  BlameFinder blame_;
  Feeds feeds_;  // of every placeholder and of the xs among the variables
  std::vector<Point> points_;
  std::uint64_t drawn_ = 0;
  GradientReport report_;
};

}  // namespace

GradientReport check_gradients(const Output& loss, const std::vector<Output>& xs, const CheckOptions& options,
                               SourceLocation location) {
  check_arguments({"check_gradients", loss.valid() ? loss.name() : "", location}, loss, xs, options);
  return Checker(loss, xs, options).run(loss);
}

}  // namespace gradus
