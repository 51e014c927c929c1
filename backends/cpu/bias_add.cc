#include "gradus/ops/bias_add.h"

#include <algorithm>
#include <type_traits>

#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kChunkElements = 16384;

template <class T>
using Compute = std::conditional_t<std::is_same_v<T, Float16>, float, T>;

// Rows of [channels] where they are last, runs of `inner` equal channels otherwise.
template <class T>
void bias_add(KernelContext& c) {
  using U = Compute<T>;
  const ChannelExtents e = channel_extents(c.input(0).shape(), c.attrs<BiasAddAttrs>().data_format);
  const T *const x = c.input(0).data<T>(), *const bias = c.input(1).data<T>();
  T* const y = c.output(0).data<T>();
  if (e.inner == 1) {
    c.parallel_for(e.outer, kChunkElements / std::max<std::int64_t>(e.channels, 1) + 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) {
        const T* const from = x + o * e.channels;
        T* const to = y + o * e.channels;
        for (std::int64_t k = 0; k < e.channels; ++k) to[k] = static_cast<T>(static_cast<U>(from[k]) + static_cast<U>(bias[k]));
      }
    });
    return;
  }
  c.parallel_for(e.outer * e.channels, kChunkElements / std::max<std::int64_t>(e.inner, 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t run = begin; run < end; ++run) {
      const U b = static_cast<U>(bias[run % e.channels]);
      for (std::int64_t i = run * e.inner; i < (run + 1) * e.inner; ++i) y[i] = static_cast<T>(static_cast<U>(x[i]) + b);
    }
  });
}

// The rows of [channels, inner] are summed in parts, in parallel, and the parts' sums are then added in their order.
struct Parts {
  ChannelExtents e;
  std::int64_t rows, count;

  explicit Parts(const KernelContext& c) : e(channel_extents(c.input(0).shape(), c.attrs<BiasAddAttrs>().data_format)) {
    rows = kChunkElements / std::max<std::int64_t>(e.channels * e.inner, 1) + 1;
    count = (e.outer + rows - 1) / rows;
  }
};

void prepare_bias_add_grad(KernelContext& c) {
  const Parts parts(c);
  c.request_scratch(sizeof(double) * static_cast<std::size_t>(parts.count * parts.e.channels));
}

template <class T>
double sum_of_run(const T* run, std::int64_t count) {
  double lanes[8] = {};  // independent sums, so that they can share a vector register
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (std::int64_t l = 0; l < 8; ++l) lanes[l] += static_cast<double>(static_cast<Compute<T>>(run[i + l]));
  }
  double sum = 0;
  for (; i < count; ++i) sum += static_cast<double>(static_cast<Compute<T>>(run[i]));
  for (const double lane : lanes) sum += lane;
  return sum;
}

template <class T>
void bias_add_grad(KernelContext& c) {
  const Parts parts(c);
  const ChannelExtents e = parts.e;
  const T* const dy = c.input(0).data<T>();
  double* const sums = c.scratch<double>();
  c.parallel_for(parts.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      double* const sum = sums + part * e.channels;
      std::fill(sum, sum + e.channels, 0.0);
      for (std::int64_t o = part * parts.rows; o < std::min((part + 1) * parts.rows, e.outer); ++o) {
        const T* const row = dy + o * e.channels * e.inner;
        if (e.inner == 1) {
          for (std::int64_t k = 0; k < e.channels; ++k) sum[k] += static_cast<double>(static_cast<Compute<T>>(row[k]));
        } else {
          for (std::int64_t k = 0; k < e.channels; ++k) sum[k] += sum_of_run(row + k * e.inner, e.inner);
        }
      }
    }
  });
  T* const result = c.output(0).data<T>();
  for (std::int64_t k = 0; k < e.channels; ++k) {
    double total = 0;
    for (std::int64_t part = 0; part < parts.count; ++part) total += sums[part * e.channels + k];
    result[k] = static_cast<T>(total);
  }
}

}  // namespace

void register_bias_add_kernels(KernelRegistry& kernels) {
  const auto add = [&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("BiasAdd", kDevice, dtype, bias_add<T>);
    kernels.add("BiasAddGrad", kDevice, dtype, bias_add_grad<T>, prepare_bias_add_grad);
  };
  add(TypeTag<Float16>{});
  add(TypeTag<float>{});
  add(TypeTag<double>{});
}

}  // namespace gradus::cpu
