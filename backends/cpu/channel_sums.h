// Sums per channel of tensors that are [outer, channels, inner]: inner is 1 where channels are last. Rows of [channels, inner]
// are summed in parts, in parallel, and the parts' sums are then added in their order, so that the number of threads does not
// matter. Sums are kept in float64.
#pragma once

#include <algorithm>
#include <array>

#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/prefetch.h"
#include "gradus/backends/cpu/vector.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cpu {

struct ChannelParts {
  AxisExtents e;
  std::int64_t rows = 1, count = 0;  // rows per part, number of parts

  explicit ChannelParts(const AxisExtents& extents) : e(extents) {
    rows = items_per_chunk(e.axis * e.inner);
    count = ceil_divide(e.outer, rows);
  }
  // Of scratch memory for `sums` sums per channel.
  std::size_t bytes(int sums) const {
    return sizeof(double) * static_cast<std::size_t>(std::max<std::int64_t>(count, 1) * e.axis * sums);
  }
};

// Adds the terms of the next `rows` rows of `channels`, from position `first` on: of several sums four rows at once, because
// fetching and storing the sums then takes longer than adding.
template <std::size_t S, std::int64_t rows, class Term>
void add_rows(std::int64_t first, std::int64_t channels, double* sums, Term&& term) {
  GRADUS_INDEPENDENT_ITERATIONS
  for (std::int64_t k = 0; k < channels; ++k) {
    std::array<double, S> t = term(first + k, k);
    for (std::int64_t r = 1; r < rows; ++r) {
      const std::array<double, S> more = term(first + r * channels + k, k);
      for (std::size_t s = 0; s < S; ++s) t[s] += more[s];
    }
    for (std::size_t s = 0; s < S; ++s) sums[static_cast<std::int64_t>(s) * channels + k] += t[s];
  }
}

// Adds the terms of a run of `count` elements of one channel.
template <std::size_t S, class Term, class Ahead>
void add_run(std::int64_t first, std::int64_t count, std::int64_t channel, std::int64_t channels, double* sums,
             Term&& term, Ahead&& ahead) {
  constexpr std::int64_t kSums = 8;  // independent sums, so that they can share a vector register
  double lanes[S][kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    ahead(first + i, kSums);
    for (std::int64_t l = 0; l < kSums; ++l) {
      const std::array<double, S> t = term(first + i + l, channel);
      for (std::size_t s = 0; s < S; ++s) lanes[s][l] += t[s];
    }
  }
  for (; i < count; ++i) {
    const std::array<double, S> t = term(first + i, channel);
    for (std::size_t s = 0; s < S; ++s) lanes[s][0] += t[s];
  }
  for (std::size_t s = 0; s < S; ++s) {
    for (const double lane : lanes[s]) sums[static_cast<std::int64_t>(s) * channels + channel] += lane;
  }
}

// Adds the terms of the rows [row, last) to `sums`, which are set to 0 first.
template <std::size_t S, class Term, class Ahead>
void sum_part(const AxisExtents& e, std::int64_t row, std::int64_t last, double* sums, Term&& term, Ahead&& ahead) {
  std::fill(sums, sums + static_cast<std::int64_t>(S) * e.axis, 0.0);
  if (e.inner == 1) {
    constexpr std::int64_t kRows = S > 1 ? 4 : 1;
    for (; row + kRows <= last; row += kRows) {
      ahead(row * e.axis, kRows * e.axis);
      add_rows<S, kRows>(row * e.axis, e.axis, sums, term);
    }
    for (; row < last; ++row) add_rows<S, 1>(row * e.axis, e.axis, sums, term);
    return;
  }
  for (; row < last; ++row) {
    for (std::int64_t k = 0; k < e.axis; ++k)
      add_run<S>((row * e.axis + k) * e.inner, e.inner, k, e.axis, sums, term, ahead);
  }
}

// Adds term(position, channel), an array of S numbers, over each channel. `memory` has parts.bytes(S); afterwards memory[s *
// channels + k] is sum s of channel k. `read`: the tensors that a term reads at its position.
template <std::size_t S, class Term, class... T>
void channel_sums(KernelContext& c, const ChannelParts& parts, double* memory, Term&& term, const T*... read) {
  const AxisExtents e = parts.e;
  const std::int64_t part_size = static_cast<std::int64_t>(S) * e.axis;
  if (parts.count == 0) std::fill(memory, memory + part_size, 0.0);
  const auto ahead = [=](std::int64_t first, std::int64_t count)
                         GRADUS_INLINE { prefetch_ahead(first, count, read...); };
  c.parallel_for(parts.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      sum_part<S>(e, part * parts.rows, std::min((part + 1) * parts.rows, e.outer), memory + part * part_size, term,
                  ahead);
    }
  });
  for (std::int64_t part = 1; part < parts.count; ++part) {
    for (std::int64_t i = 0; i < part_size; ++i) memory[i] += memory[part * part_size + i];
  }
}

// y[i] = element(of(channel of i), i) for all elements, in parallel. What an element needs of its channel is fetched by `of` once per
// run of one channel, so that the compiler need not prove that y is no part of it; where channels are last, once per element, in
// loops over channels that it can vectorise. `touched`: the tensors, read or written there, that are worth asking for ahead.
template <class T, class Of, class Element, class... X>
void for_channel_elements(KernelContext& c, const AxisExtents& e, T* y, Of of, Element element, const X*... touched) {
  constexpr std::int64_t kBlock = 256;
  const std::int64_t rows = e.inner == 1 ? e.outer : e.outer * e.axis, row = e.inner == 1 ? e.axis : e.inner;
  c.parallel_for(rows, items_per_chunk(row), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t first = r * row;
      if (e.inner == 1) {
        prefetch_ahead(first, row, touched...);
        GRADUS_INDEPENDENT_ITERATIONS
        for (std::int64_t k = 0; k < row; ++k) y[first + k] = element(of(k), first + k);
        continue;
      }
      const auto channel = of(r % e.axis);
      for (std::int64_t i = first; i < first + row;) {
        const std::int64_t stop = std::min(i + kBlock, first + row);
        prefetch_ahead(i, stop - i, touched...);
        GRADUS_INDEPENDENT_ITERATIONS
        for (std::int64_t k = i; k < stop; ++k) y[k] = element(channel, k);
        i = stop;
      }
    }
  });
}

}  // namespace gradus::cpu
