// How convolutions may be computed (SessionOptions::conv_algorithm).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus {

enum class ConvAlgorithm {
  kAuto,      // the fastest for the shape
  kDirect,    // products and sums as the definition has them
  kGemm,      // a matrix of all windows (im2col), then one matrix product
  kWinograd,  // fewer products, by Winograd's minimal filtering, where the shape and the dtype allow; else directly
};

// "auto", "direct", "gemm", "winograd"; and all four in this order.
std::string_view conv_algorithm_name(ConvAlgorithm algorithm);
std::vector<std::string> conv_algorithm_names();
// Throws InvalidArgument for another name, listing these.
ConvAlgorithm conv_algorithm_from_name(std::string_view name);

}  // namespace gradus
