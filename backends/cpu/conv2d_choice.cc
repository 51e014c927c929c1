#include "gradus/backends/cpu/conv2d_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/backends/cpu/conv2d_winograd_tiles.h"

namespace gradus::cpu {
namespace {

using winograd::kPoints;
using winograd::TileAxis;

// Why Winograd's minimal filtering cannot compute it; empty where it can.
std::string why_no_winograd(const ConvGeometry& g, ConvDirection direction, DType dtype) {
  const WindowAxis &rows = g.rows, &columns = g.columns;
  if (dtype == DType::kFloat64) return "float64 is always computed directly";
  if (rows.window != columns.window || (rows.window != 3 && rows.window != 5))
    return fmt::format("the kernel is {}x{}, not 3x3 or 5x5", rows.window, columns.window);
  if (rows.stride != 1 || columns.stride != 1) return fmt::format("stride {}x{}", rows.stride, columns.stride);
  if (g.groups != 1) return fmt::format("{} groups", g.groups);
  const bool to_input = direction == ConvDirection::kBackpropInput;
  const std::int64_t h = to_input ? rows.in : rows.out, w = to_input ? columns.in : columns.out;
  if (rows.dilation > h || columns.dilation > w)
    return fmt::format("dilation {}x{} for a result of {}x{}", rows.dilation, columns.dilation, h, w);
  return "";
}

// Products along one axis, without those of taps on the padding. (The direct kernels leave these out for rows alone.)
std::int64_t products(const WindowAxis& axis) {
  std::int64_t count = 0;
  for (std::int64_t tap = 0; tap < axis.window; ++tap) count += axis.positions_inside(tap).size();
  return count;
}

// Where it can and is not faster: what the transforms cost is shared, that of the pieces by the channels of the other side, that of the
// filter by the tiles; and where most pixels lie at the border, or in tiles that are not full, it saves few products. Empty where it is.
std::string why_not_winograd(const ConvGeometry& g, ConvDirection direction) {
  constexpr std::int64_t kChannels = 16, kManyChannels = 32, kMostSumBytes = 32 << 20;
  const bool to_filter = direction == ConvDirection::kBackpropFilter;
  if (std::min(g.channels, g.out_channels) < kChannels)
    return fmt::format("fewer than {} channels on a side", kChannels);
  const bool to_input = direction == ConvDirection::kBackpropInput;
  const std::int64_t of_image = TileAxis(g.rows, to_input).tiles() * TileAxis(g.columns, to_input).tiles();
  const std::int64_t direct = products(g.rows) * products(g.columns), of_winograd = of_image * kPoints * kPoints;
  const double least = to_filter || std::min(g.channels, g.out_channels) < kManyChannels ? 1.6 : 1.3;
  if (static_cast<double>(direct) < least * static_cast<double>(of_winograd))
    return fmt::format("{} products per image and pair of channels, in place of {}, do not pay", of_winograd, direct);
  // Below so many tiles the filter's transform and the shares of the work for each thread take what is saved. (Measured on two threads with
  // AVX-512 and AVX2; 3x3 gradients by filters, whose sums have more values per tile, took 1.1 to 2 times as long with 64 tiles or fewer.)
  const std::int64_t fewest = to_filter && g.rows.window == 3 ? 128 : 48, tiles = g.batch * of_image;
  if (tiles < fewest) return fmt::format("{} tiles in all, fewer than {}", tiles, fewest);
  const std::int64_t sum_bytes =
      g.channels * g.out_channels * kPoints * kPoints * static_cast<std::int64_t>(sizeof(float));
  if (to_filter && sum_bytes > kMostSumBytes)
    return fmt::format("each part of its sums would take {} MiB", sum_bytes >> 20);
  return "";
}

std::string name_of_winograd(const ConvGeometry& g) {
  const char* const name = g.rows.window == 3 ? "Winograd F(4x4, 3x3)" : "Winograd F(2x2, 5x5)";
  if (g.rows.dilation == 1 && g.columns.dilation == 1) return name;
  return fmt::format("{} on {}x{} interleaved images", name, g.rows.dilation, g.columns.dilation);
}

}  // namespace

ConvChoice choose_conv(const ConvGeometry& g, ConvDirection direction, DType dtype, ConvAlgorithm wanted) {
  if (is_depthwise(g)) return {ConvAlgorithm::kDirect, "the only algorithm for one channel per group"};
  if (wanted == ConvAlgorithm::kDirect) return {ConvAlgorithm::kDirect, "asked for"};
  if (wanted == ConvAlgorithm::kGemm) return {ConvAlgorithm::kGemm, "im2col, then Eigen's GEMM (asked for)"};
  if (const std::string why = why_no_winograd(g, direction, dtype); !why.empty())
    return {ConvAlgorithm::kDirect, fmt::format("no Winograd: {}", why)};
  if (wanted == ConvAlgorithm::kWinograd)
    return {ConvAlgorithm::kWinograd, fmt::format("{} (asked for)", name_of_winograd(g))};
  if (const std::string why = why_not_winograd(g, direction); !why.empty())
    return {ConvAlgorithm::kDirect, fmt::format("no Winograd: {}", why)};
  return {ConvAlgorithm::kWinograd,
          fmt::format("{}: 36 products per tile, not {}", name_of_winograd(g), g.rows.window == 3 ? 144 : 100)};
}

}  // namespace gradus::cpu
