#include "gradus/backends/cpu/conv2d_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/backends/common/work.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kPoints = 6;  // winograd.h's, per axis

// Why Winograd's minimal filtering cannot compute it; empty where it can.
std::string why_no_winograd(const ConvGeometry& g, DType dtype) {
  const WindowAxis &rows = g.rows, &columns = g.columns;
  if (dtype == DType::kFloat64) return "float64 is always computed directly";
  if (rows.window != columns.window || (rows.window != 3 && rows.window != 5))
    return fmt::format("the kernel is {}x{}, not 3x3 or 5x5", rows.window, columns.window);
  if (rows.stride != 1 || columns.stride != 1) return fmt::format("stride {}x{}", rows.stride, columns.stride);
  if (rows.dilation != 1 || columns.dilation != 1)
    return fmt::format("dilation {}x{}", rows.dilation, columns.dilation);
  if (g.groups != 1) return fmt::format("{} groups", g.groups);
  return "";
}

// Where it can and is not faster: what the transforms cost is shared, that of the pieces by the channels of the other side, that of the
// filter by the tiles. Empty where it is.
std::string why_not_winograd(const ConvGeometry& g, ConvDirection direction) {
  constexpr std::int64_t kChannels = 16, kTiles = 16, kMostSumBytes = 32 << 20;
  if (std::min(g.channels, g.out_channels) < kChannels)
    return fmt::format("fewer than {} channels on a side", kChannels);
  const bool to_input = direction == ConvDirection::kBackpropInput;
  const std::int64_t outputs = kPoints + 1 - g.rows.window;  // of a tile, per axis
  const std::int64_t tiles = g.batch * common::ceil_divide(to_input ? g.rows.in : g.rows.out, outputs) *
                             common::ceil_divide(to_input ? g.columns.in : g.columns.out, outputs);
  if (tiles < kTiles)
    return fmt::format("{} tile{} do not pay for the filter's transform", tiles, tiles == 1 ? "" : "s");
  const std::int64_t sum_bytes =
      kPoints * kPoints * g.channels * g.out_channels * static_cast<std::int64_t>(sizeof(float));
  if (direction == ConvDirection::kBackpropFilter && sum_bytes > kMostSumBytes)
    return fmt::format("each part of its sums would take {} MiB", sum_bytes >> 20);
  return "";
}

std::string name_of_winograd(const ConvGeometry& g) {
  return g.rows.window == 3 ? "Winograd F(4x4, 3x3)" : "Winograd F(2x2, 5x5)";
}

}  // namespace

ConvChoice choose_conv(const ConvGeometry& g, ConvDirection direction, DType dtype, ConvAlgorithm wanted) {
  if (is_depthwise(g)) return {ConvAlgorithm::kDirect, "the only algorithm for one channel per group"};
  if (wanted == ConvAlgorithm::kDirect) return {ConvAlgorithm::kDirect, "asked for"};
  if (wanted == ConvAlgorithm::kGemm) return {ConvAlgorithm::kGemm, "im2col, then Eigen's GEMM (asked for)"};
  if (const std::string why = why_no_winograd(g, dtype); !why.empty())
    return {ConvAlgorithm::kDirect, fmt::format("no Winograd: {}", why)};
  if (wanted == ConvAlgorithm::kWinograd)
    return {ConvAlgorithm::kWinograd, fmt::format("{} (asked for)", name_of_winograd(g))};
  if (const std::string why = why_not_winograd(g, direction); !why.empty())
    return {ConvAlgorithm::kDirect, fmt::format("no Winograd: {}", why)};
  return {ConvAlgorithm::kWinograd,
          fmt::format("{}: 36 products per tile, not {}", name_of_winograd(g), g.rows.window == 3 ? 144 : 100)};
}

}  // namespace gradus::cpu
