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
  int feed;     // position in the feeds; -1 for an inner output, which is fed only while it is itself moved
};

void check_arguments(const Caller& caller, const Output& loss, const std::vector<Output>& xs,
                     const CheckOptions& options) {
  require_valid(caller, "the loss", loss);
  if (xs.empty()) caller.fail("needs at least one x");
  if (options.order < 1) caller.fail(fmt::format("order must be at least 1; got {}", options.order));
  std::vector<Output> all = xs;
  all.push_back(loss);
  for (std::size_t i = 0; i < xs.size(); ++i) require_valid(caller, fmt::format("xs[{}]", i).c_str(), xs[i]);
  for (const Output& o : all) {
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

std::vector<Output> fed_outputs(const Feeds& feeds) {
  std::vector<Output> outputs;
  for (const auto& [output, value] : feeds) outputs.push_back(output);
  return outputs;
}

std::vector<Output> with(std::vector<Output> outputs, const Output& more) {
  outputs.push_back(more);
  return outputs;
}

class Checker {
 public:
  Checker(const Output& loss, const std::vector<Output>& xs, const CheckOptions& options)
      : options_(options),
        twin_(with(xs, loss), fed_outputs(options.feeds), options.device),
        session_(twin_.graph(), {.device = options.device, .seed = options.seed, .num_threads = options.num_threads}),
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
  int find_feed(const Output& output) const {
    for (std::size_t i = 0; i < feeds_.size(); ++i) {
      if (feeds_[i].first == output) return static_cast<int>(i);
    }
    return -1;
  }

  void draw_if_free(const Output& original) {
    const Output x = twin_.of(original);
    if (x.node().def().kind != OpKind::kPlaceholder || find_feed(x) >= 0) return;
    if (!x.shape().fully_known()) {
      throw invalid_argument(
          fmt::format("{} check_gradients cannot draw '{}' of shape {}; give its value in options.feeds",
                      x.node().where(), x.name(), x.shape().to_string()));
    }
    feeds_.emplace_back(x, random_normal_tensor(DType::kFloat64, x.shape(), mix64(options_.seed + ++drawn_)));
  }

  void refuse_free_placeholders() {
    for (int id = 0; id < twin_.graph().num_nodes(); ++id) {
      Node& node = twin_.graph().node(id);
      if (node.def().kind == OpKind::kPlaceholder && find_feed(node.output(0)) < 0) {
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
    if (x.node().def().kind == OpKind::kVariable && find_feed(x) < 0) feeds_.emplace_back(x, value_of(x));
    points_.push_back({x, original.name(), original.dtype(), find_feed(x)});
    if (is_named_after_op(original.node())) report_.names.push_back(original.name() + ": " + original.node().where());
  }

  Tensor value_of(const Output& output) {
    session_.set_run_number(1);
    return session_.run(feeds_, {output}).at(0);
  }

  void check_order(const Output& y, const std::string& y_name, int order, std::vector<Point> points) {
    Graph& graph = twin_.graph();
    const Output grad_y = placeholder(graph, DType::kFloat64, y.shape(), fmt::format("check/grad_y_{}", order));
    const std::vector<Output> grads = build_gradients(y, y_name, order, points, grad_y);

    // All that are fed anyway are compared together; inner outputs one by one, because feeding one cuts it off from
    // the others.
    std::vector<std::size_t> fed;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (failed_to_build(i)) continue;
      if (points[i].feed >= 0) {
        fed.push_back(i);
      } else {
        compare(y, y_name, order, points, grads, grad_y, {i});
      }
    }
    if (!fed.empty()) compare(y, y_name, order, points, grads, grad_y, fed);
    if (order >= options_.order) return;

    // The next order: the gradients are the new ys, and the gradient that came in is one more x.
    const std::size_t saved_feeds = feeds_.size();
    const Tensor y_value = value_of(y);
    points.push_back({grad_y, "grad_y(" + y_name + ")", DType::kFloat64, static_cast<int>(feeds_.size())});
    feeds_.emplace_back(grad_y,
                        random_normal_tensor(DType::kFloat64, y_value.shape(), mix64(options_.seed + ++drawn_)));
    for (std::size_t i = 0; i < grads.size(); ++i) {
      if (grads[i].valid())
        check_order(grads[i], fmt::format("d({})/d({})", y_name, points[i].name), order + 1, points);
    }
    feeds_.erase(feeds_.begin() + static_cast<std::ptrdiff_t>(saved_feeds), feeds_.end());
  }

  // Gradients for every point. A point whose gradient cannot be built is reported, and marked in unbuilt_.
  std::vector<Output> build_gradients(const Output& y, const std::string& y_name, int order,
                                      const std::vector<Point>& points, const Output& grad_y) {
    unbuilt_.assign(points.size(), false);
    std::vector<Output> xs;
    for (const Point& point : points) xs.push_back(point.x);
    try {
      return gradients(y, xs, grad_y);
    } catch (const Error&) {
      // One of them fails; which one shows below.
    }
    std::vector<Output> grads(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      try {
        grads[i] = gradients(y, {xs[i]}, grad_y)[0];
      } catch (const Error& error) {
        GradientCheck check = new_check(y_name, order, points[i]);
        check.verdict = Verdict::kFail;
        check.reason = error.full_text();
        report_.checks.push_back(std::move(check));
        unbuilt_[i] = true;
      }
    }
    return grads;
  }
  bool failed_to_build(std::size_t i) const { return unbuilt_[i]; }

  static GradientCheck new_check(const std::string& y_name, int order, const Point& point) {
    GradientCheck check;
    check.y = y_name;
    check.x = point.name;
    check.order = order;
    check.dtype = point.dtype;
    return check;
  }

  void compare(const Output& y, const std::string& y_name, int order, const std::vector<Point>& points,
               const std::vector<Output>& grads, const Output& grad_y, const std::vector<std::size_t>& which) {
    JacobianJob job{y, grad_y, {}, {}};
    for (const auto& [output, value] : feeds_) job.feeds.emplace_back(output, value.clone());
    for (const std::size_t i : which) {
      const Point& point = points[i];
      std::size_t feed = static_cast<std::size_t>(point.feed);
      if (point.feed < 0) {
        feed = job.feeds.size();
        job.feeds.emplace_back(point.x, value_of(point.x));
      }
      job.inputs.push_back({point.x, grads[i], feed, new_check(y_name, order, point)});
    }
    compare_jacobians(session_, job, options_);
    for (auto& input : job.inputs) {
      if (input.check.verdict == Verdict::kFail) input.check.to_blame = blame_.find(y, input.x, job.feeds);
      report_.checks.push_back(std::move(input.check));
    }
  }

  const CheckOptions& options_;
  Float64Twin twin_;
  Session session_;
  BlameFinder blame_;
  Feeds feeds_;  // of every placeholder and of the xs among the variables
  std::vector<Point> points_;
  std::vector<bool> unbuilt_;
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
