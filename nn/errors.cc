#include "gradus/nn/errors.h"

#include <fmt/format.h>

#include <cmath>

#include "gradus/core/caller.h"

namespace gradus::nn {
namespace {

thread_local const Place* innermost_place = nullptr;

std::string prefix_of(std::string_view function, const At& at) {
  const SourceLocation line = LocationScope::outermost(at.location);
  const std::string quoted = at.name.empty() ? std::string() : fmt::format(" '{}'", at.name);
  return fmt::format("[nn::{}{} at {}] ", function, quoted, file_and_line(line));
}

}  // namespace

void fail(std::string_view function, At at, const std::string& message) {
  throw invalid_argument(prefix_of(function, at) + message);
}

Place::Place(std::string_view function, At at)
    : line_(at.location), function_(function), at_(at), outer_(innermost_place) {
  innermost_place = this;
}
Place::~Place() { innermost_place = outer_; }
const Place* Place::innermost() { return innermost_place; }

void Place::fail(const std::string& message) const { nn::fail(function_, at_, message); }
std::string Place::prefix() const { return prefix_of(function_, at_); }

void Place::check_name() const {
  if (at_.name.empty()) fail("needs a name that is not empty: its variables and nodes are called NAME/...");
}

void Place::check_defined(const char* what, const Output& x) const {
  if (x.valid()) return;
  fail(fmt::format(
      "{} refers to nothing: {}", what,
      x.is_absent() ? x.absence() : "an Output that was never assigned, or a gradient that does not exist"));
}

void Place::check_same_graph(const Output& a, const Output& b) const {
  if (&a.graph() == &b.graph()) return;
  fail(fmt::format("'{}' and '{}' belong to different graphs; build both in one", a.name(), b.name()));
}

void Place::check_floating(const char* what, const Output& x) const {
  if (is_floating(x.dtype())) return;
  fail(fmt::format("{} must be floating; '{}' is {} (cast(x, DType::kFloat32) converts it)", what, x.name(),
                   dtype_name(x.dtype())));
}

void Place::check_pair(const char* first, const Output& a, const char* second, const Output& b) const {
  check_name();
  check_defined(first, a);
  check_defined(second, b);
  check_same_graph(a, b);
}

void Place::check_labels_and_logits(const Output& labels, const Output& logits) const {
  check_pair("labels", labels, "logits", logits);
  if (!is_floating(labels.dtype()) || is_floating(logits.dtype())) return;
  fail(fmt::format("takes the labels first, then the logits; got '{}' {} as labels and '{}' {} as logits",
                   labels.name(), dtype_name(labels.dtype()), logits.name(), dtype_name(logits.dtype())));
}

void Place::check_not_negative(const char* what, double value) const {
  if (value >= 0.0 && std::isfinite(value)) return;
  fail(fmt::format("{} must be finite and not negative; got {}", what, value));
}

void Place::check_positive(const char* what, double value) const {
  if (!(value > 0.0 && std::isfinite(value))) fail(fmt::format("{} must be positive and finite; got {}", what, value));
}

void Place::check_fraction(const char* what, double value) const {
  if (!(value >= 0.0 && value < 1.0)) fail(fmt::format("{} must be in [0, 1); got {}", what, value));
}

}  // namespace gradus::nn
