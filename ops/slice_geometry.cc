#include "gradus/ops/slice_geometry.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/graph/op_registry.h"

namespace gradus {
namespace {

std::string listed(std::span<const std::int64_t> values) {
  std::string text;
  for (const std::int64_t v : values)
    text += (text.empty() ? "" : ",") + (v == kUnknownValue ? "?" : std::to_string(v));
  return "[" + text + "]";
}

bool bit(std::int64_t mask, std::size_t i) { return ((mask >> i) & 1) != 0; }

struct AxisSlice {
  std::int64_t begin, step, size;
};

// One element, `index`, of an axis of size `dim`.
AxisSlice single_element(std::int64_t dim, std::int64_t index, int axis, const Shape& x) {
  if (dim == kUnknownDim || index == kUnknownValue) return {0, 1, 1};
  const std::int64_t position = index < 0 ? index + dim : index;
  if (position < 0 || position >= dim) {
    throw out_of_range(fmt::format("index {} is outside axis {} of shape {}", index, axis, x.to_string()));
  }
  return {position, 1, 1};
}

// begin : end : step of an axis of size `dim`, where a masked bound is nullptr.
AxisSlice strided_elements(std::int64_t dim, const std::int64_t* begin, const std::int64_t* end, std::int64_t step) {
  const auto unknown = [](const std::int64_t* bound) { return bound != nullptr && *bound == kUnknownValue; };
  if (dim == kUnknownDim || step == kUnknownValue || unknown(begin) || unknown(end)) return {0, 1, kUnknownDim};
  const std::int64_t lowest = step > 0 ? 0 : -1;
  const std::int64_t highest = step > 0 ? dim : dim - 1;
  const auto position = [&](std::int64_t bound) {
    return std::clamp(bound < 0 ? bound + dim : bound, lowest, highest);
  };
  const std::int64_t first = begin != nullptr ? position(*begin) : step > 0 ? lowest : highest;
  const std::int64_t last = end != nullptr ? position(*end) : step > 0 ? highest : lowest;
  const std::int64_t distance = step > 0 ? last - first : first - last;
  if (distance <= 0) return {0, 1, 0};
  const std::int64_t stride = step > 0 ? step : -std::max(step, -INT64_MAX);  // INT64_MIN has no opposite
  return {first, step, (distance - 1) / stride + 1};
}

}  // namespace

SliceWindow slice_window(const Shape& x, std::span<const std::int64_t> begin, std::span<const std::int64_t> size) {
  const auto rank = static_cast<std::size_t>(x.rank());
  if (begin.size() != rank || size.size() != rank) {
    throw invalid_argument(
        fmt::format("begin and size must have one element per dimension of shape {}; got begin {}, size {}",
                    x.to_string(), listed(begin), listed(size)));
  }
  SliceWindow window;
  window.rank = x.rank();
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t dim = x[static_cast<int>(i)];
    const std::int64_t b = begin[i], s = size[i];
    if ((b < 0 && b != kUnknownValue) || (s < -1 && s != kUnknownValue)) {
      throw invalid_argument(
          fmt::format("begin must be at least 0, and size at least 0 or -1; got begin {}, size {} for shape {}",
                      listed(begin), listed(size), x.to_string()));
    }
    const bool known = b != kUnknownValue && dim != kUnknownDim;
    const std::int64_t taken = s == kUnknownValue ? kUnknownDim : s != -1 ? s : known ? dim - b : kUnknownDim;
    if (dim != kUnknownDim && (b > dim || (s != kUnknownValue && s > dim - std::max<std::int64_t>(b, 0)))) {
      throw out_of_range(fmt::format("the slice leaves axis {} of shape {}; got begin {}, size {}", i, x.to_string(),
                                     listed(begin), listed(size)));
    }
    window.begin[i] = b == kUnknownValue ? 0 : b;
    window.step[i] = 1;
    window.size[i] = taken;
    window.output.push_back(taken);
  }
  return window;
}

SliceWindow strided_slice_window(const Shape& x, std::span<const std::int64_t> begin, std::span<const std::int64_t> end,
                                 std::span<const std::int64_t> strides, const StridedSliceAttrs& attrs) {
  if (begin.size() != end.size() || begin.size() != strides.size() || begin.size() > kMaxSliceEntries) {
    throw invalid_argument(
        fmt::format("begin, end and strides must have the same length, at most {}; got {}, {} and {}", kMaxSliceEntries,
                    listed(begin), listed(end), listed(strides)));
  }
  int named = 0;  // axes that entries name
  int ellipses = 0;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    if (bit(attrs.ellipsis_mask, i))
      ++ellipses;
    else if (!bit(attrs.new_axis_mask, i))
      ++named;
  }
  if (named > x.rank()) throw invalid_argument(fmt::format("{} indices for shape {}", named, x.to_string()));
  if (ellipses > 1) throw invalid_argument("ellipsis_mask may have one bit");

  SliceWindow window;
  window.rank = x.rank();
  int axis = 0;
  const auto take = [&](const AxisSlice& slice, bool keep_axis) {
    const auto a = static_cast<std::size_t>(axis++);
    window.begin[a] = slice.begin;
    window.step[a] = slice.step;
    window.size[a] = slice.size;
    if (keep_axis) window.output.push_back(slice.size);
  };
  const auto take_all = [&](int until) {
    while (axis < until) take({0, 1, x[axis]}, true);
  };
  for (std::size_t i = 0; i < begin.size(); ++i) {
    if (bit(attrs.ellipsis_mask, i)) {
      take_all(axis + x.rank() - named);
    } else if (bit(attrs.new_axis_mask, i)) {
      window.output.push_back(1);
    } else if (strides[i] == 0 || (bit(attrs.shrink_axis_mask, i) && strides[i] < 0 && strides[i] != kUnknownValue)) {
      throw invalid_argument(
          fmt::format("strides must not be 0, nor negative where an axis shrinks; got {}", listed(strides)));
    } else if (bit(attrs.shrink_axis_mask, i)) {
      take(single_element(x[axis], begin[i], axis, x), false);
    } else {
      take(strided_elements(x[axis], bit(attrs.begin_mask, i) ? nullptr : &begin[i],
                            bit(attrs.end_mask, i) ? nullptr : &end[i], strides[i]),
           true);
    }
  }
  take_all(x.rank());
  return window;
}

Shape padded_shape(const Shape& x, const std::vector<std::int64_t>& paddings, bool reflect, int sign) {
  const auto fail = [&](const char* rule) {
    throw invalid_argument(fmt::format("{}; got paddings {} for shape {}", rule, listed(paddings), x.to_string()));
  };
  if (paddings.size() != 2 * static_cast<std::size_t>(x.rank()))
    fail("paddings must have two elements per dimension, before and after");
  Shape result;
  for (int i = 0; i < x.rank(); ++i) {
    const std::int64_t before = paddings[2 * static_cast<std::size_t>(i)];
    const std::int64_t after = paddings[2 * static_cast<std::size_t>(i) + 1];
    std::int64_t both = 0;
    std::int64_t total = 0;
    if (before < 0 || after < 0) fail("paddings must be at least 0");
    if (x[i] == kUnknownDim) {
      result.push_back(kUnknownDim);
      continue;
    }
    if (__builtin_add_overflow(before, after, &both) || __builtin_add_overflow(x[i], sign * both, &total)) {
      fail("the padded size does not fit in 63 bits");
    }
    if (total < 0) fail("the padded tensor is smaller than its paddings");
    if (reflect && std::max(before, after) > 0 && std::max(before, after) >= (sign > 0 ? x[i] : total)) {
      fail("reflection needs paddings smaller than the dimension");
    }
    result.push_back(total);
  }
  return result;
}

}  // namespace gradus
