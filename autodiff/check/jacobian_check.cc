#include "gradus/autodiff/check/jacobian_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_set>

#include "gradus/autodiff/check/jacobian_tally.h"
#include "gradus/core/philox.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

// Random ops draw the same numbers in every run.
constexpr std::uint64_t kRunNumber = 1;

Values values_of(const Tensor& tensor) {
  const auto flat = tensor.flat<double>();
  return {flat.begin(), flat.end()};
}

double largest(const Values& values) {
  double result = 0;
  for (const double v : values) result = std::max(result, std::abs(v));
  return result;
}

double norm(const Values& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
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

// Steps for an x of this size. f may change with x / size or with x itself, so the further steps suit both. x and t are
// multiples of powers of two: x + t is exact while t is not below x's last bits.
void choose_steps(LineOptions& line, double first, double size) {
  line.step = step_for(first);
  line.widest = 4 * step_for(std::max(size, 1.0));
  line.narrowest = std::max(step_for(std::min(size, 1.0)) / 4096, std::ldexp(step_for(size), -30));
}

class Comparer {
 public:
  Comparer(Session& session, JacobianJob& job, const CheckOptions& options)
      : session_(session), job_(job), options_(options), feeds_with_grad_(job.feeds) {}

  void run() {
    const Tensor y = evaluate();
    y0_ = values_of(y);
    y_shape_ = y.shape();
    if (const std::string problem = base_problem(y); !problem.empty()) return fail_all(problem);
    magnitude_ = largest_intermediate();
    grad_y_ = Tensor::zeros(DType::kFloat64, y_shape_);
    feeds_with_grad_.emplace_back(job_.grad_y, grad_y_);
    for (const auto& input : job_.inputs) {
      if (input.gradient.valid()) gradient_fetches_.push_back(input.gradient);
    }

    std::vector<std::size_t> whole, projected;
    for (std::size_t k = 0; k < job_.inputs.size(); ++k) {
      const std::int64_t n = x_tensor(k).num_elements();
      if (n == 0 || y0_.empty()) {
        job_.inputs[k].check.reason = "empty";
        continue;
      }
      const bool small = 4 * n + static_cast<std::int64_t>(y0_.size()) <= options_.max_runs;
      (small ? whole : projected).push_back(k);
      job_.inputs[k].check.full = small;
    }
    if (!whole.empty()) compare_whole(whole);
    if (!projected.empty()) compare_projected(projected);
  }

 private:
  Tensor& x_tensor(std::size_t k) { return job_.feeds[job_.inputs[k].feed].second; }
  double tolerance(std::size_t k) const {
    return job_.inputs[k].check.order == 1 ? options_.tolerance : options_.tolerance_higher;
  }

  Tensor evaluate() {
    session_.set_run_number(kRunNumber);
    return session_.run(job_.feeds, {job_.y}).at(0);
  }

  std::string base_problem(const Tensor& y) {
    for (std::size_t j = 0; j < y0_.size(); ++j) {
      if (!std::isfinite(y0_[j])) {
        return fmt::format("y[{}] is {} at the point of the check", fmt::join(index_of(j, y_shape_), ","), y0_[j]);
      }
    }
    return bit_equal(y, evaluate()) ? "" : "y differs between two runs with the same inputs";
  }

  // The floating results on the ways from the xs to y.
  std::vector<Output> intermediates() const {
    std::unordered_set<Output> fed, moved;
    for (const auto& [output, value] : job_.feeds) fed.insert(output);
    for (const auto& input : job_.inputs) moved.insert(input.x);
    std::map<int, Node*> above;  // of y, by id: inputs come before their node
    for (std::vector<Output> open = {job_.y}; !open.empty();) {
      const Output output = open.back();
      open.pop_back();
      if (fed.contains(output) || !above.emplace(output.node().id(), &output.node()).second) continue;
      open.insert(open.end(), output.node().inputs().begin(), output.node().inputs().end());
    }
    std::vector<Output> results;
    for (const auto& [id, node] : above) {
      const auto& inputs = node->inputs();
      if (std::none_of(inputs.begin(), inputs.end(), [&](const Output& i) { return moved.contains(i); })) continue;
      for (int i = 0; i < node->num_outputs(); ++i) {
        const Output output = node->output(i);
        if (!fed.contains(output) && moved.insert(output).second && is_floating(output.dtype()))
          results.push_back(output);
      }
    }
    return results;
  }

  // Rounding errors are in proportion to it.
  double largest_intermediate() {
    session_.set_run_number(kRunNumber);
    std::vector<Tensor> tensors = session_.run(job_.feeds, intermediates());
    for (std::size_t k = 0; k < job_.inputs.size(); ++k) tensors.push_back(x_tensor(k));
    double result = 0;
    for (const Tensor& tensor : tensors) {
      for (const double v : tensor.flat<double>()) {
        if (std::isfinite(v)) result = std::max(result, std::abs(v));
      }
    }
    return result;
  }

  void fail_all(const std::string& reason) {
    for (auto& input : job_.inputs) {
      input.check.verdict = Verdict::kFail;
      input.check.reason = reason;
    }
  }

  // (dy/dx)^T grad_y for every x, with the grad_y that lies in grad_y_; zeros for "none".
  std::vector<Values> gradients_now() {
    session_.set_run_number(kRunNumber);
    const std::vector<Tensor> fetched =
        gradient_fetches_.empty() ? std::vector<Tensor>{} : session_.run(feeds_with_grad_, gradient_fetches_);
    std::vector<Values> result;
    std::size_t next = 0;
    for (std::size_t k = 0; k < job_.inputs.size(); ++k) {
      if (job_.inputs[k].gradient.valid()) {
        result.push_back(values_of(fetched[next++]));
      } else {
        result.emplace_back(static_cast<std::size_t>(x_tensor(k).num_elements()), 0.0);
      }
    }
    return result;
  }

  // Row j of the Jacobian comes from grad_y = e_j, column i from moving x[i].
  void compare_whole(const std::vector<std::size_t>& which) {
    std::vector<std::vector<Values>> rows;
    for (std::size_t j = 0; j < y0_.size(); ++j) {
      grad_y_.fill(0);
      grad_y_.data<double>()[j] = 1;
      rows.push_back(gradients_now());
    }
    for (const std::size_t k : which) {
      JacobianTally tally(job_.inputs[k].check, tolerance(k));
      double biggest = 0;
      for (const auto& row : rows) biggest = std::max(biggest, largest(row[k]));
      LineOptions line;
      line.tolerance = tolerance(k);
      line.floor = 1e-2 * biggest;
      line.magnitude = magnitude_;
      Tensor& x = x_tensor(k);
      const double typical = typical_size(values_of(x));
      for (std::size_t i = 0; i < static_cast<std::size_t>(x.num_elements()); ++i) {
        Values column;
        for (const auto& row : rows) column.push_back(row[k][i]);
        double& element = x.data<double>()[i];
        const double saved = element;
        const double size = std::max(std::abs(saved), typical);
        choose_steps(line, std::max(std::abs(saved), std::min(typical, 1.0)), size);
        const std::vector<Slope> slopes = line_slopes(
            [&](double t) {
              element = saved + t;
              Values y = values_of(evaluate());
              element = saved;
              return y;
            },
            y0_, column, line);
        for (std::size_t j = 0; j < slopes.size(); ++j) {
          tally.add(slopes[j], column[j], line.floor, index_of(j, y_shape_), index_of(i, x.shape()));
        }
      }
      tally.finish(job_.inputs[k].gradient.valid());
    }
  }

  // The slope of <u, y> when x moves along v.
  Slope slope_along(std::size_t k, const Values& u, const Values& v, double expected, const LineOptions& line) {
    Tensor& x = x_tensor(k);
    const Values saved = values_of(x);
    const auto along = [&](double t) {
      for (std::size_t i = 0; i < saved.size(); ++i) x.data<double>()[i] = saved[i] + t * v[i];
      const double value = dot(u, values_of(evaluate()));
      std::copy(saved.begin(), saved.end(), x.data<double>());
      return Values{value};
    };
    return line_slopes(along, {dot(u, y0_)}, {expected}, line)[0];
  }

  void compare_projected(const std::vector<std::size_t>& which) {
    std::vector<JacobianTally> tallies;
    for (const std::size_t k : which) tallies.emplace_back(job_.inputs[k].check, tolerance(k));
    for (int p = 0; p < options_.projections; ++p) {
      const Values u = random_values(y0_.size());
      std::copy(u.begin(), u.end(), grad_y_.data<double>());
      const std::vector<Values> gradients = gradients_now();
      Values weighted = y0_;
      for (std::size_t j = 0; j < u.size(); ++j) weighted[j] *= u[j];
      for (std::size_t w = 0; w < which.size(); ++w) {
        const std::size_t k = which[w];
        LineOptions line;
        line.tolerance = tolerance(k);
        line.magnitude = std::max(norm(u) * magnitude_, norm(weighted));
        project(k, u, gradients[k], line, tallies[w]);
      }
    }
    for (std::size_t w = 0; w < which.size(); ++w) tallies[w].finish(job_.inputs[which[w]].gradient.valid());
  }

  // <u, J v> against <J^T u, v> for a random v; then one element of x by itself.
  void project(std::size_t k, const Values& u, const Values& gradient, LineOptions line, JacobianTally& tally) {
    const double typical = typical_size(values_of(x_tensor(k)));
    const std::size_t n = gradient.size();
    Values v = random_values(n);
    const double length = std::sqrt(static_cast<double>(std::min<std::size_t>(n, 64))) / norm(v);
    for (double& element : v) element *= length;
    choose_steps(line, std::min(typical, 1.0), typical);
    line.floor = 1e-2 * norm(gradient) * norm(v) / std::sqrt(static_cast<double>(n));
    const double expected = dot(gradient, v);
    const Slope slope = slope_along(k, u, v, expected, line);
    if (tally.add(slope, expected, line.floor, {}, {}) == Verdict::kFail) {
      locate(k, u, gradient, v, line, tally);
    } else {
      const std::size_t i = static_cast<std::size_t>(random_++ * 2654435761u) % n;
      add_element(k, u, gradient, i, line, tally);
    }
  }

  void add_element(std::size_t k, const Values& u, const Values& gradient, std::size_t i, LineOptions line,
                   JacobianTally& tally) {
    Values v(gradient.size(), 0.0);
    v[i] = 1;
    const Values x = values_of(x_tensor(k));
    const double typical = typical_size(x);
    choose_steps(line, std::max(std::abs(x[i]), std::min(typical, 1.0)), std::max(std::abs(x[i]), typical));
    line.floor = 1e-2 * largest(gradient);
    const Slope slope = slope_along(k, u, v, gradient[i], line);
    tally.add(slope, gradient[i], line.floor, {}, index_of(i, x_tensor(k).shape()));
  }

  // Halves the direction again and again, keeping the half that is further off, down to one element.
  void locate(std::size_t k, const Values& u, const Values& gradient, const Values& v, const LineOptions& line,
              JacobianTally& tally) {
    std::size_t begin = 0, end = v.size();
    while (end - begin > 1) {
      const std::size_t middle = begin + (end - begin) / 2;
      const double low = mismatch(k, u, gradient, v, begin, middle, line);
      const double high = mismatch(k, u, gradient, v, middle, end, line);
      // NaN counts as the largest mismatch.
      const bool take_low = std::isnan(low) || (!std::isnan(high) && low >= high);
      (take_low ? end : begin) = middle;
    }
    add_element(k, u, gradient, begin, line, tally);
  }

  double mismatch(std::size_t k, const Values& u, const Values& gradient, const Values& v, std::size_t begin,
                  std::size_t end, const LineOptions& line) {
    Values part(v.size(), 0.0);
    std::copy(v.begin() + static_cast<std::ptrdiff_t>(begin), v.begin() + static_cast<std::ptrdiff_t>(end),
              part.begin() + static_cast<std::ptrdiff_t>(begin));
    const double expected = dot(gradient, part);
    return std::abs(slope_along(k, u, part, expected, line).value - expected);
  }

  Values random_values(std::size_t count) {
    const PhiloxStream stream(options_.seed, 0x6a0b1a5u + random_++);
    Values values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = stream.normal(i);
    return values;
  }

  Session& session_;
  JacobianJob& job_;
  const CheckOptions& options_;
  Feeds feeds_with_grad_;  // shares the tensors of job_.feeds
  std::vector<Output> gradient_fetches_;
  Values y0_;
  Shape y_shape_;
  Tensor grad_y_;
  double magnitude_ = 1;
  std::uint64_t random_ = 0;
};

}  // namespace

void compare_jacobians(Session& session, JacobianJob& job, const CheckOptions& options) {
  Comparer(session, job, options).run();
}

}  // namespace gradus
