#include "gradus/core/conv_algorithm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gradus/core/error.h"

namespace gradus {

std::vector<std::string> conv_algorithm_names() { return {"auto", "direct", "gemm", "winograd"}; }

std::string_view conv_algorithm_name(ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::kAuto: return "auto";
    case ConvAlgorithm::kDirect: return "direct";
    case ConvAlgorithm::kGemm: return "gemm";
    case ConvAlgorithm::kWinograd: break;
  }
  return "winograd";
}

ConvAlgorithm conv_algorithm_from_name(std::string_view name) {
  for (const ConvAlgorithm algorithm :
       {ConvAlgorithm::kAuto, ConvAlgorithm::kDirect, ConvAlgorithm::kGemm, ConvAlgorithm::kWinograd}) {
    if (name == conv_algorithm_name(algorithm)) return algorithm;
  }
  throw invalid_argument(fmt::format("unknown algorithm of convolutions '{}'; there are {}", name,
                                     fmt::join(conv_algorithm_names(), ", ")));
}

}  // namespace gradus
