// The convolutions of the built-in models, as cases of the convolution matrix.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/conv2d_matrix.h"

namespace gradus::testing {

// All different ones of a model (nn::model_names()) with the images of its own data set, `batch` at a time.
std::vector<ConvCase> model_convolutions(const std::string& model, std::int64_t batch);

}  // namespace gradus::testing
