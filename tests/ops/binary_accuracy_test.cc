// How exact pow and its derivatives are (docs/ops/binary.md prints the bounds), and all ops of two operands at special values.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/accuracy_table.h"
#include "tests/support/paths.h"
#include "tests/support/values.h"
#include "tests/support/wide.h"

namespace gradus {
namespace {

// z and its derivatives by x, y, x twice, y twice, x and y.
using Derivatives = std::array<Wide, 6>;
struct BinaryFunction {
  const char* name;
  Output (*build)(const Output&, const Output&);
  Derivatives (*exact)(Wide, Wide);
  Derivatives (*scale)(Wide, Wide) = nullptr;
};

Derivatives pow_exact(Wide x, Wide y) {
  const Wide ln = wide::log(x), z = wide::pow(x, y), slope = wide::pow(x, y - 1);
  return {z, y * slope, z * ln, y * (y - 1) * wide::pow(x, y - 2), z * ln * ln, slope * (1 + y * ln)};
}
Derivatives pow_scale(Wide x, Wide y) {
  const Wide slope = wide::pow(x, y - 1);
  return {0, 0, 0, 0, 0, std::max(slope, wide::abs(slope * y * wide::log(x)))};
}

const BinaryFunction kBinaryFunctions[] = {
    {"add", [](const Output& x, const Output& y) { return x + y; },
     [](Wide x, Wide y) { return Derivatives{x + y, 1, 1, 0, 0, 0}; }},
    {"subtract", [](const Output& x, const Output& y) { return x - y; },
     [](Wide x, Wide y) { return Derivatives{x - y, 1, -1, 0, 0, 0}; }},
    {"multiply", [](const Output& x, const Output& y) { return x * y; },
     [](Wide x, Wide y) { return Derivatives{x * y, y, x, 0, 0, 1}; }},
    {"divide", [](const Output& x, const Output& y) { return x / y; },
     [](Wide x, Wide y) { return Derivatives{x / y, 1 / y, -(x / y / y), 0, 2 * (x / y / y / y), -1 / (y * y)}; }},
    {"squared_difference", [](const Output& x, const Output& y) { return squared_difference(x, y); },
     [](Wide x, Wide y) { return Derivatives{(x - y) * (x - y), 2 * (x - y), 2 * (y - x), 2, 2, -2}; }},
    {"maximum", [](const Output& x, const Output& y) { return maximum(x, y); },
     [](Wide x, Wide y) {
       const Wide is_x = x >= y ? 1 : 0;
       return Derivatives{x > y || x != x ? x : y, is_x, 1 - is_x, 0, 0, 0};
     }},
    {"minimum", [](const Output& x, const Output& y) { return minimum(x, y); },
     [](Wide x, Wide y) {
       const Wide is_x = x <= y ? 1 : 0;
       return Derivatives{x < y || x != x ? x : y, is_x, 1 - is_x, 0, 0, 0};
     }}};

struct BinaryGraphs {
  Graph graph;
  Output x, y;
  std::vector<Output> fetches;
  BinaryGraphs(const BinaryFunction& f, DType dtype) {
    x = placeholder(graph, dtype, {-1});
    y = placeholder(graph, dtype, {-1});
    const Output z = f.build(x, y);
    const auto d = gradients(z, {x, y});
    // Derivatives that do not depend on an operand are zeros.
    const auto by = [&](const Output& slope, const Output& operand) {
      const Output second = gradients(slope, {operand})[0];
      return second.valid() ? second : zeros_like(operand);
    };
    fetches = {z, d[0], d[1], by(d[0], x), by(d[1], y), by(d[0], y)};
  }
};

Tensor operand_of(DType dtype, const std::vector<double>& values) { return Tensor::from<double>(values).cast(dtype); }

TEST(BinaryAccuracy, PowIsWithinTheBoundsOfThePage) {
  if (!wide::kIsWide) GTEST_SKIP() << "long double is no wider than double here";
  const BinaryFunction power = {"pow", [](const Output& x, const Output& y) { return pow(x, y); }, pow_exact,
                                pow_scale};
  const char* const rows[] = {"pow", "by x", "by y", "by x twice", "by y twice", "by x and y"};
  const double sizes[][2] = {{0, 1}, {1, 10}, {10, 60}};
  AccuracyTable table("pow, by the size of y ln x", {"< 1", "1 to 10", "10 to 60"});
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    BinaryGraphs graphs(power, dtype);
    Session session(graphs.graph, {.device = "cpu:0", .num_threads = 1, .flush_subnormals = false});
    for (std::size_t column = 0; column < 3; ++column) {
      std::mt19937_64 random(column);
      std::uniform_real_distribution<double> uniform(0, 1);
      std::vector<double> x, y;
      while (x.size() < 4000) {
        const double base = std::exp2((uniform(random) - 0.5) * (x.size() % 2 == 0 ? 20 : 0.02));
        const double size = sizes[column][0] + (sizes[column][1] - sizes[column][0]) * uniform(random);
        x.push_back(dtype == DType::kFloat32 ? static_cast<double>(static_cast<float>(base)) : base);
        const double exponent = (uniform(random) < 0.5 ? -size : size) / std::log(x.back());
        y.push_back(dtype == DType::kFloat32 ? static_cast<double>(static_cast<float>(exponent)) : exponent);
      }
      const auto got =
          session.run({{graphs.x, operand_of(dtype, x)}, {graphs.y, operand_of(dtype, y)}}, graphs.fetches);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const Derivatives exact = power.exact(x[i], y[i]), scale = power.scale(x[i], y[i]);
        for (std::size_t k = 0; k < 6; ++k) {
          const double z = got[k].at(static_cast<std::int64_t>(i));
          table.record(rows[k], column, dtype, wide::ulps(z, exact[k], dtype, scale[k]),
                       [&] { return fmt::format("{:.9g} ^ {:.9g} giving {:.9g}", x[i], y[i], z); });
        }
      }
    }
  }
  table.expect_within_bounds_of(std::string(kSourceFolder) + "/docs/ops/binary.md");
}

// Every pair of them, so that each meets each other at many places of a vector. NaN where the formulas have NaN.
TEST(BinaryAccuracy, SpecialValuesOfAllPairs) {
  if (!wide::kIsWide) GTEST_SKIP() << "long double is no wider than double here";
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const bool narrow = dtype == DType::kFloat32;
    std::vector<double> specials = {std::nan("")};
    for (const double v :
         {0.0, kInf, narrow ? 0x1p-149 : 0x1p-1074, narrow ? 0x1p-130 : 0x1p-1030, narrow ? 0x1p-126 : 0x1p-1022, 1e-20,
          0.75, 1.0, 3.0, 1e20, narrow ? 0x1.fffffep127 : 0x1.fffffffffffffp1023}) {
      specials.push_back(v);
      specials.push_back(-v);
    }
    std::vector<double> x, y;
    for (const double a : specials) {
      for (const double b : specials) {
        x.push_back(a);
        y.push_back(b);
      }
    }
    const Tensor xs = operand_of(dtype, x), ys = operand_of(dtype, y);
    for (const BinaryFunction& f : kBinaryFunctions) {
      BinaryGraphs graphs(f, dtype);
      for (const char* device : {"cpu:0", "ref:0"}) {
        Session session(graphs.graph, {.device = device, .num_threads = 1, .flush_subnormals = false});
        const auto got = session.run({{graphs.x, xs}, {graphs.y, ys}}, graphs.fetches);
        for (std::size_t i = 0; i < x.size(); ++i) {
          const auto at = static_cast<std::int64_t>(i);
          const Derivatives exact = f.exact(xs.at(at), ys.at(at));
          for (std::size_t k = 0; k < 6; ++k) {
            if (exact[k] != exact[k] && k > 0) continue;
            // Products of second derivatives pass beyond the numbers on their way.
            if (k > 2 && !(std::abs(y[i]) > 0.5 && std::abs(y[i]) < 4 && std::isfinite(x[i]))) continue;
            ASSERT_LE(wide::ulps(got[k].at(at), exact[k], dtype), 3)
                << f.name << " derivative " << k << " at " << x[i] << ", " << y[i] << ": " << got[k].at(at) << " on "
                << device << ", " << dtype_name(dtype);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace gradus
