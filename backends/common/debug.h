// What kernels that look at values for people say.
#pragma once

#include <cstdint>
#include <string>

#include "gradus/core/shape.h"

namespace gradus::common {

// Of a tensor with so many elements that are no numbers; `first` is the index of the first of them in row-major order.
std::string non_finite_text(const std::string& message, const Shape& shape, std::int64_t nans, std::int64_t infinities,
                            std::int64_t first);

}  // namespace gradus::common
