// Values that many tests speak of. (What several files of one area need has one name: an area may be compiled as one file.)
#pragma once

#include <limits>
#include <vector>

#include "gradus/core/tensor.h"

namespace gradus {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr const char* kDevices[] = {"cpu:0", "ref:0"};
inline constexpr DType kDTypes[] = {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64};
inline constexpr DType kHalves[] = {DType::kFloat16, DType::kBFloat16};

inline Tensor vec(const std::vector<double>& values) { return Tensor::from(values); }

}  // namespace gradus
