// How exact the unary ops and their first and second derivatives are, over all magnitudes, in units of the last place. The exact
// values are closed forms in the widest floating type, written so that they cancel nowhere. docs/ops/unary.md prints the bounds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/accuracy_table.h"
#include "tests/support/paths.h"
#include "tests/support/values.h"
#include "tests/support/wide.h"

namespace gradus {
namespace {

Wide logistic(Wide x) { return 1 / (1 + wide::exp(-x)); }
Wide logistic_slope(Wide x) {
  const Wide c = 2 * wide::cosh(x / 2);
  return 1 / (c * c);
}
Wide sech2(Wide x) { return 1 / (wide::cosh(x) * wide::cosh(x)); }
Wide normal_distribution(Wide x) { return wide::erfc(-x / wide::sqrt(2)) / 2; }
Wide normal_density(Wide x) { return wide::exp(-x * x / 2) / wide::sqrt(2 * wide::kPi); }
Wide bell(Wide x) { return 2 / wide::sqrt(wide::kPi) * wide::exp(-x * x); }

using Exact = Wide (*)(Wide);
struct Limits {
  double minus[3], plus[3];  // of the function and its derivatives at -infinity and infinity
};

struct Function {
  const char* name;
  Output (*build)(const Output&);
  Exact exact[3];         // the function and its two derivatives
  double lowest = -kInf;  // the domain: larger numbers
  Exact scale[3] = {};    // where a difference passes through zero: the size of its terms
  // Where the formulas are infinity * 0 at infinity.
  Limits limits = {{0, 0, 0}, {0, 0, 0}};
  bool has_limits = false;
};

const std::vector<Function>& functions() {
  static const std::vector<Function> all = {
      {"square",
       [](const Output& x) { return square(x); },
       {[](Wide x) { return x * x; }, [](Wide x) { return 2 * x; }, [](Wide) { return static_cast<Wide>(2); }}},
      {"sqrt",
       [](const Output& x) { return sqrt(x); },
       {[](Wide x) { return wide::sqrt(x); }, [](Wide x) { return 1 / (2 * wide::sqrt(x)); },
        [](Wide x) { return -1 / (4 * x * wide::sqrt(x)); }},
       0},
      {"rsqrt",
       [](const Output& x) { return rsqrt(x); },
       {[](Wide x) { return 1 / wide::sqrt(x); }, [](Wide x) { return -1 / (2 * x * wide::sqrt(x)); },
        [](Wide x) { return 3 / (4 * x * x * wide::sqrt(x)); }},
       0},
      {"exp", [](const Output& x) { return exp(x); }, {wide::exp, wide::exp, wide::exp}},
      {"log",
       [](const Output& x) { return log(x); },
       {wide::log, [](Wide x) { return 1 / x; }, [](Wide x) { return -1 / (x * x); }},
       0},
      {"log1p",
       [](const Output& x) { return log1p(x); },
       {wide::log1p, [](Wide x) { return 1 / (1 + x); }, [](Wide x) { return -1 / ((1 + x) * (1 + x)); }},
       -1},
      {"sin", [](const Output& x) { return sin(x); }, {wide::sin, wide::cos, [](Wide x) { return -wide::sin(x); }}},
      {"cos",
       [](const Output& x) { return cos(x); },
       {wide::cos, [](Wide x) { return -wide::sin(x); }, [](Wide x) { return -wide::cos(x); }}},
      {"tanh",
       [](const Output& x) { return tanh(x); },
       {wide::tanh, sech2, [](Wide x) { return -2 * wide::tanh(x) * sech2(x); }}},
      {"sigmoid",
       [](const Output& x) { return sigmoid(x); },
       {logistic, logistic_slope, [](Wide x) { return -wide::tanh(x / 2) * logistic_slope(x); }}},
      {"softplus",
       [](const Output& x) { return softplus(x); },
       {[](Wide x) { return wide::log1p(wide::exp(-wide::abs(x))) + (x < 0 ? 0 : x); }, logistic, logistic_slope}},
      {"elu",
       [](const Output& x) { return elu(x); },
       {[](Wide x) { return x < 0 ? wide::expm1(x) : x; }, [](Wide x) { return x < 0 ? wide::exp(x) : Wide{1}; },
        [](Wide x) { return x < 0 ? wide::exp(x) : Wide{0}; }}},
      {"gelu",
       [](const Output& x) { return gelu(x); },
       {[](Wide x) { return x * normal_distribution(x); },
        [](Wide x) { return normal_distribution(x) + x * normal_density(x); },
        [](Wide x) { return normal_density(x) * (2 - x * x); }},
       -kInf,
       {nullptr, normal_distribution, [](Wide x) { return 2 * normal_density(x); }},
       {{0, 0, 0}, {kInf, 1, 0}},
       true},
      {"erf",
       [](const Output& x) { return erf(x); },
       {wide::erf, bell, [](Wide x) { return -2 * x * bell(x); }},
       -kInf,
       {},
       {{-1, 0, 0}, {1, 0, 0}},
       true}};
  return all;
}

const std::vector<std::string> kColumns = {"< -8",      "-8 to -1",   "-1 to -2^-12", "tiny",
                                           "subnormal", "2^-12 to 1", "1 to 8",       "> 8"};

std::size_t column_of(double x, DType dtype) {
  const double size = std::abs(x), normal = dtype == DType::kFloat32 ? 0x1p-126 : 0x1p-1022;
  if (size < normal) return 4;
  if (size < 0x1p-12) return 3;
  const std::size_t step = size < 1 ? 0 : size <= 8 ? 1 : 2;
  return x < 0 ? 2 - step : 5 + step;
}

// Every power of two with random numbers above it, of both signs; more of them where functions bend.
std::vector<double> sweep(DType dtype, double lowest) {
  const bool narrow = dtype == DType::kFloat32;
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> fraction(1, 2);
  std::vector<double> x;
  for (int e = narrow ? -149 : -1074; e < (narrow ? 128 : 1024); ++e) {
    const int count = e >= -6 && e < 7 ? 400 : narrow ? 20 : 6;
    for (int i = 0; i < count; ++i) {
      const double v = std::ldexp(i == 0 ? 1.0 : fraction(random), e);
      for (const double s : {v, -v}) {
        const double rounded = narrow ? static_cast<double>(static_cast<float>(s)) : s;
        if (rounded > lowest && std::isfinite(rounded)) x.push_back(rounded);
      }
    }
  }
  return x;
}

struct Orders {
  Graph graph;
  Output x, y[3];
  Orders(const Function& f, DType dtype) {
    x = placeholder(graph, dtype, {-1});
    y[0] = f.build(x);
    for (int n = 1; n < 3; ++n) y[n] = gradients(y[n - 1], {x})[0];
  }
};

Tensor tensor_of(DType dtype, const std::vector<double>& values) { return Tensor::from<double>(values).cast(dtype); }

TEST(UnaryAccuracy, IsWithinTheBoundsOfThePage) {
  if (!wide::kIsWide) GTEST_SKIP() << "long double is no wider than double here";
  AccuracyTable table("op", kColumns);
  for (const Function& f : functions()) {
    for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
      Orders orders(f, dtype);
      Session session(orders.graph, {.device = "cpu:0", .num_threads = 1, .flush_subnormals = false});
      const std::vector<double> x = sweep(dtype, f.lowest);
      const auto got = session.run({{orders.x, tensor_of(dtype, x)}}, {orders.y[0], orders.y[1], orders.y[2]});
      for (std::size_t n = 0; n < 3; ++n) {
        const std::string row = f.name + std::string(n, '\'');
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double y = got[n].at(static_cast<std::int64_t>(i));
          const Wide scale = f.scale[n] ? f.scale[n](x[i]) : 0;
          table.record(row, column_of(x[i], dtype), dtype, wide::ulps(y, f.exact[n](x[i]), dtype, scale),
                       [&] { return fmt::format("{:.9g} giving {:.9g}", x[i], y); });
        }
      }
    }
  }
  table.expect_within_bounds_of(std::string(kSourceFolder) + "/docs/ops/unary.md");
}

// The reference backend computes everything in float64.
TEST(UnaryAccuracy, TheReferenceIsWithinEightUnits) {
  if (!wide::kIsWide) GTEST_SKIP() << "long double is no wider than double here";
  for (const Function& f : functions()) {
    Orders orders(f, DType::kFloat64);
    Session session(orders.graph, {.device = "ref:0"});
    const std::vector<double> x = sweep(DType::kFloat64, f.lowest);
    const auto got = session.run({{orders.x, tensor_of(DType::kFloat64, x)}}, {orders.y[0], orders.y[1], orders.y[2]});
    for (std::size_t n = 0; n < 3; ++n) {
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double y = got[n].at(static_cast<std::int64_t>(i));
        const Wide scale = f.scale[n] ? f.scale[n](x[i]) : 0;
        ASSERT_LE(wide::ulps(y, f.exact[n](x[i]), DType::kFloat64, scale), 8)
            << f.name << n << " of " << x[i] << ": " << y;
      }
    }
  }
}

Wide exact_at(const Function& f, std::size_t n, double x) {
  if (std::isnan(x) || x < f.lowest) return static_cast<Wide>(std::nan(""));
  if (f.has_limits && std::isinf(x)) return x < 0 ? f.limits.minus[n] : f.limits.plus[n];
  return f.exact[n](x);
}

// At each place of a vector of 37, among ones: in full vector registers and behind them.
TEST(UnaryAccuracy, SpecialValuesAtEveryPosition) {
  if (!wide::kIsWide) GTEST_SKIP() << "long double is no wider than double here";
  constexpr std::int64_t kLength = 37;
  for (const Function& f : functions()) {
    for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
      const bool narrow = dtype == DType::kFloat32;
      const double normal = narrow ? 0x1p-126 : 0x1p-1022, subnormal = narrow ? 0x1p-149 : 0x1p-1074;
      const double largest = narrow ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
      std::vector<double> specials = {0, std::nan("")};
      for (const double v : {-0.0, kInf, subnormal, normal / 8, normal, 0.5, 2.0, 100.0, 1000.0, 0x1.2p64, largest}) {
        specials.push_back(v);
        specials.push_back(-v);
      }
      Orders orders(f, dtype);
      for (const char* device : {"cpu:0", "ref:0"}) {
        Session session(orders.graph, {.device = device, .num_threads = 1, .flush_subnormals = false});
        for (const double x : specials) {
          for (std::int64_t place = 0; place < (device[0] == 'c' ? kLength : 1); ++place) {
            Tensor t = Tensor::full(dtype, {kLength}, 1);
            t.set(place, x);
            const auto got = session.run({{orders.x, t}}, {orders.y[0], orders.y[1], orders.y[2]});
            for (std::size_t n = 0; n < 3; ++n) {
              const Wide one = f.exact[n](1), exact = exact_at(f, n, x);
              const bool beyond = x < f.lowest || (x == 0 && f.lowest == 0);  // slopes there: whatever comes
              for (std::int64_t i = 0; i < kLength; ++i) {
                if (i == place && n > 0 && beyond) continue;
                if (i == place && std::isnan(x) && n == 2 && !std::isnan(got[n].at(i))) continue;  // constants
                const double y = got[n].at(i);
                ASSERT_LE(wide::ulps(y, i == place ? exact : one, dtype), 10)
                    << f.name << " of order " << n << " at " << (i == place ? x : 1) << ", place " << i << ": " << y
                    << " on " << device << ", " << dtype_name(dtype);
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace gradus
