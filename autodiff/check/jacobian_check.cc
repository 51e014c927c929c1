#include "gradus/autodiff/check/jacobian_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gradus/autodiff/check/float64_twin.h"
#include "gradus/autodiff/check/jacobian_tally.h"
#include "gradus/core/philox.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

Values values_of(const Tensor& tensor) {
  const auto flat = tensor.flat<double>();
  return {flat.begin(), flat.end()};
}

double largest(const Values& values) {
  double result = 0;
  for (const double v : values) result = std::max(result, std::abs(v));
  return result;
}

double dot(const Values& a, const Values& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

double norm(const Values& values) { return std::sqrt(dot(values, values)); }

Values unit_vector(std::size_t size, std::size_t i) {
  Values unit(size, 0.0);
  unit[i] = 1;
  return unit;
}

std::vector<std::int64_t> index_of(std::size_t flat, const Shape& shape) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()));
  auto rest = static_cast<std::int64_t>(flat);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[static_cast<std::size_t>(axis)] = rest % shape[axis];
    rest /= shape[axis];
  }
  return index;
}

// The size of typical elements, by which steps are chosen: their root mean square; 1 for all zeros.
double typical_size(const Values& values) {
  const double rms = values.empty() ? 0 : norm(values) / std::sqrt(static_cast<double>(values.size()));
  return rms > 0 && std::isfinite(rms) ? rms : 1.0;
}

// A power of two near 7e-4 `scale`: there truncation (step^4) and rounding (1e-16 / step) are both near 1e-12.
double step_for(double scale) { return std::exp2(std::round(std::log2(7e-4 * scale))); }

// An x that can be moved.
struct Movable {
  Tensor tensor;   // shares memory with the feed
  Values at;       // its values at the point of the check
  double typical;  // the size of its elements
  double tolerance;
  JacobianTally tally;

  // How to move an element of this size; 0 for a direction through all. y may change with x / size or with x itself, so the
  // further steps suit both. x and t are multiples of powers of two: x + t is exact while t is not below x's last bits.
  LineOptions line(double element, double floor, double magnitude) const {
    const double size = std::max(element, typical);
    return {.step = step_for(std::max(element, std::min(typical, 1.0))),
            .widest = 4 * step_for(std::max(size, 1.0)),
            .narrowest = std::max(step_for(std::min(size, 1.0)) / 4096, std::ldexp(step_for(size), -30)),
            .tolerance = tolerance,
            .floor = floor,
            .magnitude = magnitude};
  }
};

// <u, y> for a random u, as a function of one x.
struct Projection {
  Movable& x;
  const Values& u;
  const Values& gradient;
  double magnitude;  // of its largest intermediate result
};

class Comparer {
 public:
  Comparer(Session& session, const Output& y, const Output& grad_y, const Feeds& feeds,
           std::vector<Jacobian>& jacobians, const CheckOptions& options)
      : session_(session), y_(y), jacobians_(jacobians), options_(options) {
    for (const auto& [output, value] : feeds) feeds_.emplace_back(output, value.clone());
    const Tensor value = evaluate();
    y0_ = values_of(value);
    y_shape_ = value.shape();
    grad_y_ = Tensor::zeros(DType::kFloat64, y_shape_);
    feeds_with_grad_ = feeds_;
    feeds_with_grad_.emplace_back(grad_y, grad_y_);
    for (Jacobian& jacobian : jacobians_) {
      const auto feed = std::find_if(feeds_.begin(), feeds_.end(), [&](auto& f) { return f.first == jacobian.x; });
      const double tolerance = jacobian.check.order == 1 ? options.tolerance : options.tolerance_higher;
      const Values at = values_of(feed->second);
      xs_.push_back({feed->second, at, typical_size(at), tolerance, JacobianTally(jacobian.check, tolerance)});
      if (jacobian.gradient.valid()) gradient_fetches_.push_back(jacobian.gradient);
    }
  }

  void run() {
    if (const std::string problem = base_problem(); !problem.empty()) {
      for (Jacobian& jacobian : jacobians_) {
        jacobian.check.verdict = Verdict::kFail;
        jacobian.check.reason = problem;
      }
      return;
    }
    magnitude_ = largest_intermediate();
    std::vector<std::size_t> whole, projected;
    for (std::size_t k = 0; k < xs_.size(); ++k) {
      GradientCheck& check = jacobians_[k].check;
      if (xs_[k].at.empty() || y0_.empty()) {
        check.reason = "empty";
        continue;
      }
      check.full = static_cast<std::int64_t>(4 * xs_[k].at.size() + y0_.size()) <= options_.max_runs;
      (check.full ? whole : projected).push_back(k);
    }
    if (!whole.empty()) compare_whole(whole);
    if (!projected.empty()) compare_projected(projected);
  }

 private:
  Tensor evaluate() { return run_again(session_, feeds_, {y_})[0]; }

  std::string base_problem() {
    for (std::size_t j = 0; j < y0_.size(); ++j) {
      if (!std::isfinite(y0_[j])) {
        return fmt::format("y[{}] is {} at the point of the check", fmt::join(index_of(j, y_shape_), ","), y0_[j]);
      }
    }
    return bit_equal(Tensor::from(y_shape_, y0_), evaluate()) ? "" : "y differs between two runs with the same inputs";
  }

  // The floating results on the ways from the xs to y.
  std::vector<Output> intermediates() const {
    std::unordered_set<Output> moved;
    for (const Jacobian& jacobian : jacobians_) moved.insert(jacobian.x);
    const std::unordered_set<Output> fed = fed_outputs(feeds_);
    std::vector<Output> results;
    for (Node* node : nodes_needed({y_}, fed)) {
      const auto& inputs = node->inputs();
      if (std::none_of(inputs.begin(), inputs.end(), [&](const Output& i) { return moved.contains(i); })) continue;
      for (int i = 0; i < node->num_outputs(); ++i) {
        const Output output = node->output(i);
        if (fed.contains(output)) continue;
        moved.insert(output);
        if (is_floating(output.dtype())) results.push_back(output);
      }
    }
    return results;
  }

  // Rounding errors are in proportion to it.
  double largest_intermediate() {
    std::vector<Tensor> tensors = run_again(session_, feeds_, intermediates());
    for (const Movable& x : xs_) tensors.push_back(x.tensor);
    double result = 0;
    for (const Tensor& tensor : tensors) {
      for (const double v : tensor.flat<double>()) {
        if (std::isfinite(v)) result = std::max(result, std::abs(v));
      }
    }
    return result;
  }

  // (dy/dx)^T grad_y for every x, with the grad_y that lies in grad_y_; zeros for "none".
  std::vector<Values> gradients_now() {
    const std::vector<Tensor> fetched = run_again(session_, feeds_with_grad_, gradient_fetches_);
    auto next = fetched.begin();
    std::vector<Values> result;
    for (std::size_t k = 0; k < xs_.size(); ++k) {
      result.push_back(jacobians_[k].gradient.valid() ? values_of(*next++) : Values(xs_[k].at.size(), 0.0));
    }
    return result;
  }

  // y where x has moved by t along v.
  Values y_beside(Movable& x, const Values& v, double t) {
    double* const moved = x.tensor.data<double>();
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (v[i] != 0) moved[i] = x.at[i] + t * v[i];
    }
    const Tensor y = evaluate();
    std::copy(x.at.begin(), x.at.end(), moved);
    return values_of(y);
  }

  // Row j of the Jacobian comes from grad_y = e_j, column i from moving x[i].
  void compare_whole(const std::vector<std::size_t>& which) {
    std::vector<std::vector<Values>> rows;
    for (double& element : grad_y_.flat<double>()) {
      element = 1;
      rows.push_back(gradients_now());
      element = 0;
    }
    for (const std::size_t k : which) {
      Movable& x = xs_[k];
      double biggest = 0;
      for (const auto& row : rows) biggest = std::max(biggest, largest(row[k]));
      for (std::size_t i = 0; i < x.at.size(); ++i) {
        Values column;
        for (const auto& row : rows) column.push_back(row[k][i]);
        const Values v = unit_vector(x.at.size(), i);
        const LineOptions line = x.line(std::abs(x.at[i]), 1e-2 * biggest, magnitude_);
        const std::vector<Slope> slopes = line_slopes([&](double t) { return y_beside(x, v, t); }, y0_, column, line);
        for (std::size_t j = 0; j < slopes.size(); ++j) {
          x.tally.add(slopes[j], column[j], line.floor, index_of(j, y_shape_), index_of(i, x.tensor.shape()));
        }
      }
      x.tally.finish(jacobians_[k].gradient.valid());
    }
  }

  void compare_projected(const std::vector<std::size_t>& which) {
    for (int p = 0; p < options_.projections; ++p) {
      const Values u = random_values(y0_.size());
      std::copy(u.begin(), u.end(), grad_y_.data<double>());
      const std::vector<Values> gradients = gradients_now();
      Values weighted = y0_;
      for (std::size_t j = 0; j < u.size(); ++j) weighted[j] *= u[j];
      const double magnitude = std::max(norm(u) * magnitude_, norm(weighted));
      for (const std::size_t k : which) project({xs_[k], u, gradients[k], magnitude});
    }
    for (const std::size_t k : which) xs_[k].tally.finish(jacobians_[k].gradient.valid());
  }

  // <u, J v> against <J^T u, v> for a random v; then one element of x by itself.
  void project(const Projection& p) {
    const std::size_t n = p.gradient.size();
    Values v = random_values(n);
    const double length = std::sqrt(static_cast<double>(std::min<std::size_t>(n, 64))) / norm(v);
    for (double& element : v) element *= length;
    const double floor = 1e-2 * norm(p.gradient) * norm(v) / std::sqrt(static_cast<double>(n));
    const LineOptions line = p.x.line(0, floor, p.magnitude);
    const double expected = dot(p.gradient, v);
    const Slope slope = slope_along(p, v, expected, line);
    const bool failed = p.x.tally.add(slope, expected, floor, {}, {}) == Verdict::kFail;
    add_element(p, failed ? locate(p, v, line) : static_cast<std::size_t>(random_++ * 2654435761u) % n);
  }

  void add_element(const Projection& p, std::size_t i) {
    const LineOptions line = p.x.line(std::abs(p.x.at[i]), 1e-2 * largest(p.gradient), p.magnitude);
    const Slope slope = slope_along(p, unit_vector(p.x.at.size(), i), p.gradient[i], line);
    p.x.tally.add(slope, p.gradient[i], line.floor, {}, index_of(i, p.x.tensor.shape()));
  }

  // The slope of <u, y> when x moves along v.
  Slope slope_along(const Projection& p, const Values& v, double expected, const LineOptions& line) {
    const auto along = [&](double t) { return Values{dot(p.u, y_beside(p.x, v, t))}; };
    return line_slopes(along, {dot(p.u, y0_)}, {expected}, line)[0];
  }

  // Halves the direction again and again, keeping the half that is further off, down to one element.
  std::size_t locate(const Projection& p, const Values& v, const LineOptions& line) {
    std::size_t begin = 0, end = v.size();
    while (end - begin > 1) {
      const std::size_t middle = begin + (end - begin) / 2;
      const double low = mismatch(p, v, begin, middle, line);
      const double high = mismatch(p, v, middle, end, line);
      // NaN counts as the largest mismatch.
      const bool take_low = std::isnan(low) || (!std::isnan(high) && low >= high);
      (take_low ? end : begin) = middle;
    }
    return begin;
  }

  double mismatch(const Projection& p, const Values& v, std::size_t begin, std::size_t end, const LineOptions& line) {
    Values part(v.size(), 0.0);
    std::copy_n(v.data() + begin, end - begin, part.data() + begin);
    const double expected = dot(p.gradient, part);
    return std::abs(slope_along(p, part, expected, line).value - expected);
  }

  Values random_values(std::size_t count) {
    const PhiloxStream stream(options_.seed, 0x6a0b1a5u + random_++);
    Values values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = stream.normal(i);
    return values;
  }

  Session& session_;
  const Output y_;
  std::vector<Jacobian>& jacobians_;
  const CheckOptions& options_;
  Feeds feeds_;
  Feeds feeds_with_grad_;    // shares their tensors
  std::vector<Movable> xs_;  // of the jacobians, in their order
  std::vector<Output> gradient_fetches_;
  Values y0_;
  Shape y_shape_;
  Tensor grad_y_;
  double magnitude_ = 1;
  std::uint64_t random_ = 0;
};

}  // namespace

void compare_jacobians(Session& session, const Output& y, const Output& grad_y, const Feeds& feeds,
                       std::vector<Jacobian>& jacobians, const CheckOptions& options) {
  Comparer(session, y, grad_y, feeds, jacobians, options).run();
}

}  // namespace gradus
