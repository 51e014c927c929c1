// Looking into a running graph: identities with a side effect. They run whenever something that is fetched needs them.
// Page: docs/ops/debug.md.
#pragma once

#include <cstdint>
#include <string>

#include "gradus/graph/forward.h"

namespace gradus {

struct CheckNumericsAttrs {
  std::string message;
  template <class V>
  void visit(V& v) {
    v("message", message, "begins the error's text");
  }
};

struct PrintAttrs {
  std::string message;
  std::int64_t summarize = 32;
  template <class V>
  void visit(V& v) {
    v("message", message, "printed before the tensor");
    v("summarize", summarize, "number of elements to print");
  }
};

// y = x of a floating dtype. A NaN or an infinity stops the run with InvalidArgument: message, how many, and the first
// index. The gradient is checked in the same way.
Output check_numerics(const Output& x, const std::string& message = "", At at = {});
// y = x. Each run writes one line to stderr: message, dtype, shape, minimum, mean, maximum and the first elements.
Output print(const Output& x, const std::string& message = "", std::int64_t summarize = 32, At at = {});

}  // namespace gradus
