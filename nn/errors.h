// How layers, losses, schedules, optimisers and metrics name themselves, and the user's line, in errors. Not for users.
#pragma once

#include <string>
#include <string_view>

#include "gradus/core/at.h"
#include "gradus/core/error.h"
#include "gradus/graph/location_scope.h"
#include "gradus/graph/output.h"

namespace gradus::nn {

// Throws InvalidArgument: "[nn::dense 'fc1' at train.cc:31] message"; the name is left out when it is empty. The line is that of
// the outermost builder at work: where the user's program called the model, not where the model calls its layers.
[[noreturn]] void fail(std::string_view function, At at, const std::string& message);

// One call of a public builder. While alive, all nodes that are added take the user's line (LocationScope), and helpers fail in
// the builder's name. Belongs to the thread that makes it.
class Place {
 public:
  Place(std::string_view function, At at);
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[noreturn]] void fail(const std::string& message) const;
  // "[nn::dense 'fc1' at train.cc:31] "
  std::string prefix() const;
  // The innermost call that this thread is in; nullptr outside of all.
  static const Place* innermost();

  // Each fails unless its condition holds, with the value, and what to do.
  void check_name() const;                                        // the name is not empty
  void check_defined(const char* what, const Output& x) const;    // x refers to something
  void check_same_graph(const Output& a, const Output& b) const;  // both are of one graph
  void check_floating(const char* what, const Output& x) const;   // kFloating
  // The name is not empty; both refer to something, in one graph.
  void check_pair(const char* first, const Output& a, const char* second, const Output& b) const;
  void check_labels_and_logits(const Output& labels, const Output& logits) const;  // that, and not the other way round
  void check_not_negative(const char* what, double value) const;                   // finite
  void check_positive(const char* what, double value) const;                       // finite
  void check_fraction(const char* what, double value) const;                       // in [0, 1)

 private:
  LocationScope line_;
  std::string_view function_;
  At at_;
  const Place* outer_;
};

}  // namespace gradus::nn
