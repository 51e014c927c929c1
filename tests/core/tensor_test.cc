// Tensor: memory that is shared or not, conversions between all dtypes, comparison, printing, refusals.
#include "gradus/core/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>

#include "tests/support/expect_error.h"

namespace gradus {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(Tensor, ADefaultTensorHasNoValue) {
  const Tensor t;
  EXPECT_FALSE(t.defined());
  EXPECT_FALSE(t.clone().defined());
  EXPECT_EQ(t.to_string(), "(no value)");
  expect_error(Code::kInvalidArgument, "never given a value", [&] { (void)t.data<float>(); });
}

TEST(Tensor, MemoryIsAlignedEvenWhenEmpty) {
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{0}, Shape{5, 7}}) {
    const Tensor t(DType::kFloat32, shape);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.raw()) % 64, 0u);
    EXPECT_EQ(t.bytes(), static_cast<std::size_t>(shape.num_elements()) * 4);
  }
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  Tensor a = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  Tensor shared = a;
  Tensor own = a.clone();
  a.set(0, 9);
  EXPECT_EQ(shared.at(0), 9);
  EXPECT_EQ(own.at(0), 1);
  EXPECT_TRUE(shared.shares_memory_with(a));
  EXPECT_FALSE(own.shares_memory_with(a));
  EXPECT_TRUE(a.reshaped({4}).shares_memory_with(a));
  expect_error(Code::kInvalidArgument, "cannot reshape 4 elements of shape [2,2] to [3]",
               [&] { (void)a.reshaped({3}); });
}

TEST(Tensor, RowsAreAWindow) {
  Tensor t = Tensor::from<std::int32_t>({3, 2}, {1, 2, 3, 4, 5, 6});
  Tensor rows = t.rows(1, 3);
  EXPECT_EQ(rows.shape(), (Shape{2, 2}));
  EXPECT_EQ(rows.at(0), 3);
  rows.set(0, 30);
  EXPECT_EQ(t.at(2), 30);
  EXPECT_EQ(t.rows(1, 1).num_elements(), 0);
  EXPECT_EQ(t.rows(1, 2).rows(0, 1).at(1), 4);
  EXPECT_EQ(Tensor(DType::kFloat32, {0, 4}).rows(0, 0).shape(), (Shape{0, 4}));
  expect_error(Code::kOutOfRange, "rows [1, 4) of a tensor of shape [3,2]", [&] { (void)t.rows(1, 4); });
  expect_error(Code::kOutOfRange, "rows [2, 1)", [&] { (void)t.rows(2, 1); });
  expect_error(Code::kOutOfRange, "rows [-1, 1)", [&] { (void)t.rows(-1, 1); });
  expect_error(Code::kInvalidArgument, "at least one dimension", [] { (void)Tensor::scalar(1.0f).rows(0, 1); });
}

TEST(Tensor, AccessIsChecked) {
  Tensor t = Tensor::from<float>({1, 2, 3});
  expect_error(Code::kInvalidArgument, "holds float32, not float64", [&] { (void)t.data<double>(); });
  expect_error(Code::kInvalidArgument, "exactly one element; the shape is [3]", [&] { (void)t.item<float>(); });
  expect_error(Code::kOutOfRange, "index 3 of 3", [&] { (void)t.at(3); });
  expect_error(Code::kOutOfRange, "index -1 of 3", [&] { t.set(-1, 0); });
  expect_error(Code::kInvalidArgument, "has 4 elements; got 3 values", [] { Tensor::from<float>({2, 2}, {1, 2, 3}); });
  expect_error(Code::kInvalidArgument, "unknown dimensions", [] { Tensor(DType::kFloat32, {2, -1}); });
  EXPECT_EQ(Tensor::full(DType::kFloat32, {1, 1}, 2.5).item<float>(), 2.5f);
}

TEST(Tensor, ImpossibleSizesAreRefusedBeforeAllocating) {
  expect_error(Code::kInvalidArgument, "63 bits",
               [] { Tensor(DType::kFloat64, {1LL << 62}); });  // the byte count overflows
  expect_error(Code::kInvalidArgument, "63 bits", [] { Tensor(DType::kUInt8, {1LL << 40, 1LL << 40}); });
  expect_error(Code::kResourceExhausted, "cannot allocate", [] { Tensor(DType::kUInt8, {1LL << 60}); });
}

TEST(Tensor, CastsBetweenAllDTypes) {
  // float to integer truncates toward zero; to bool asks whether it is non-zero.
  const Tensor reals = Tensor::from<double>({-2.7, -0.5, 0.0, 0.5, 1.0, 2.7});
  const std::vector<double> whole = {-2, 0, 0, 0, 1, 2};
  const Tensor as_int = reals.cast(DType::kInt32);
  const Tensor as_long = reals.cast(DType::kInt64);
  const Tensor as_bool = reals.cast(DType::kBool);
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(as_int.at(i), whole[static_cast<std::size_t>(i)]);
    EXPECT_EQ(as_long.at(i), whole[static_cast<std::size_t>(i)]);
    EXPECT_EQ(as_bool.at(i), reals.at(i) != 0.0);
  }
  // 0, 1 and 2 survive every way through every dtype.
  for (int from = 0; from < kDTypeCount; ++from) {
    for (int to = 0; to < kDTypeCount; ++to) {
      const auto source = static_cast<DType>(from);
      const auto target = static_cast<DType>(to);
      const double two = source == DType::kBool || target == DType::kBool ? 1 : 2;
      const Tensor t = Tensor::from<double>({0, 1, 2}).cast(source).cast(target);
      EXPECT_EQ(t.dtype(), target);
      EXPECT_EQ(t.at(0), 0);
      EXPECT_EQ(t.at(1), 1);
      EXPECT_EQ(t.at(2), two) << dtype_name(source) << " to " << dtype_name(target);
    }
  }
  const std::int64_t large = (1LL << 53) + 1;  // no double holds it: int64 must not pass through one
  EXPECT_EQ(Tensor::scalar(large).cast(DType::kInt64).item<std::int64_t>(), large);
  EXPECT_EQ(Tensor::scalar(static_cast<std::int32_t>(7)).cast(DType::kInt64).item<std::int64_t>(), 7);
  EXPECT_EQ(Tensor::scalar(1.0 / 3.0).cast(DType::kFloat32).item<float>(), 1.0f / 3.0f);
}

TEST(Tensor, FloatingValuesBeyondAnIntegersRangeBecomeItsNearest) {
  const Tensor x = Tensor::from<double>({kNaN, kInfinity, -1e30, 300.9, -1.5, 2147483647.5, 9223372036854775808.0});
  const auto expect_elements = [&](DType dtype, const std::vector<std::string>& expected) {
    const Tensor y = x.cast(dtype);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(y.element_to_string(static_cast<std::int64_t>(i)), expected[i]) << dtype_name(dtype) << " " << i;
    }
  };
  expect_elements(DType::kInt32, {"0", "2147483647", "-2147483648", "300", "-1", "2147483647", "2147483647"});
  expect_elements(DType::kInt64, {"0", "9223372036854775807", "-9223372036854775808", "300", "-1", "2147483647",
                                  "9223372036854775807"});
  expect_elements(DType::kUInt8, {"0", "255", "0", "255", "0", "255", "255"});
  EXPECT_EQ(Tensor::full(DType::kUInt8, {1}, 300.0).data<std::uint8_t>()[0], 255);
}

TEST(Tensor, OfBFloat16) {
  Tensor t = Tensor::from<double>({4}, {0.1, -1e38, 1, kNaN}).cast(DType::kBFloat16);
  EXPECT_EQ(t.bytes(), 8u);
  EXPECT_EQ(t.at(0), 205 * 0x1p-11);  // 204.8
  t.set(2, 257);
  EXPECT_EQ(t.data<BFloat16>()[2].bits(), 0x4380u);  // 256
  EXPECT_EQ(t.cast(DType::kFloat32).at(0), t.at(0));
  EXPECT_EQ(t.cast(DType::kInt32).at(2), 256);
  EXPECT_EQ(
      t.to_string(),
      "bfloat16 [4] min -9.96921e+37 mean -3.32307e+37 max 256 (1 not finite): [0.100098, -9.96921e+37, 256, nan]");
  EXPECT_EQ(Tensor::scalar(BFloat16(-0.5)).item<BFloat16>(), BFloat16(-0.5));
}

TEST(Tensor, FillAndCopy) {
  Tensor t(DType::kFloat16, {3});
  t.fill(0.1);
  EXPECT_EQ(t.at(1), static_cast<double>(Float16(0.1)));
  Tensor other = Tensor::zeros(DType::kFloat16, {1, 3});
  other.copy_from(t);
  EXPECT_EQ(other.at(2), t.at(2));
  expect_error(Code::kInvalidArgument, "cannot copy float16 [3] into float32 [3]",
               [&] { Tensor(DType::kFloat32, {3}).copy_from(t); });
  expect_error(Code::kInvalidArgument, "cannot copy float16 [3] into float16 [4]",
               [&] { Tensor(DType::kFloat16, {4}).copy_from(t); });
}

TEST(Tensor, Comparison) {
  const Tensor a = Tensor::from<double>({1, kNaN, kInfinity});
  EXPECT_TRUE(bit_equal(a, a.clone()));
  EXPECT_FALSE(bit_equal(Tensor::scalar(0.0), Tensor::scalar(-0.0)));
  EXPECT_FALSE(bit_equal(Tensor::from<float>({1}), Tensor::scalar(1.0f)));
  EXPECT_FALSE(bit_equal(Tensor::scalar(1.0f), Tensor::scalar(1.0)));
  EXPECT_TRUE(bit_equal(Tensor(DType::kFloat32, {0}), Tensor(DType::kFloat32, {0})));

  EXPECT_EQ(max_abs_difference(Tensor::from<double>({1, 2}), Tensor::from<double>({1, 2.5})), 0.5);
  EXPECT_EQ(max_abs_difference(Tensor::from<double>({kInfinity}), Tensor::from<double>({kInfinity})), 0.0);
  EXPECT_EQ(max_abs_difference(Tensor::from<double>({kInfinity}), Tensor::from<double>({-kInfinity})), kInfinity);
  EXPECT_TRUE(std::isnan(max_abs_difference(Tensor::from<double>({0, kNaN}), Tensor::from<double>({5, 0}))));
  EXPECT_EQ(max_abs_difference(Tensor(DType::kFloat32, {0}), Tensor(DType::kFloat32, {0})), 0.0);
  expect_error(Code::kInvalidArgument, "shapes [1] and [] differ",
               [] { (void)max_abs_difference(Tensor::from<float>({1}), Tensor::scalar(1.0f)); });
}

TEST(Tensor, PrintsShapeStatisticsAndValues) {
  EXPECT_EQ(Tensor::from<float>({2, 2}, {1, 2, 3, 4}).to_string(),
            "float32 [2,2] min 1 mean 2.5 max 4: [[1, 2], [3, 4]]");
  EXPECT_EQ(Tensor::scalar(0.5).to_string(), "float64 []: 0.5");
  EXPECT_EQ(Tensor::from<std::int32_t>({-1, 7}).to_string(), "int32 [2]: [-1, 7]");
  EXPECT_EQ(Tensor::from<double>({0, 2}).cast(DType::kBool).to_string(), "bool [2]: [false, true]");
  EXPECT_EQ(Tensor::from<double>({1, kNaN, 3}).to_string(),
            "float64 [3] min 1 mean 2 max 3 (1 not finite): [1, nan, 3]");
  EXPECT_EQ(Tensor(DType::kInt64, {2, 0}).to_string(), "int64 [2,0]: [[], []]");
  EXPECT_EQ(Tensor::zeros(DType::kInt32, {5}).to_string(3), "int32 [5]: [0, 0, 0, ...]");
  std::ostringstream stream;
  stream << Tensor::scalar(2.0f);
  EXPECT_EQ(stream.str(), "float32 []: 2");
}

TEST(Tensor, PrintsIntegersWithAllDigitsAndEmptyTensorsShortly) {
  const Tensor t = Tensor::from<std::int64_t>({INT64_MAX, INT64_MIN, (std::int64_t{1} << 53) + 1});
  EXPECT_EQ(t.to_string(), "int64 [3]: [9223372036854775807, -9223372036854775808, 9007199254740993]");
  EXPECT_EQ(Tensor::zeros(DType::kInt32, {2, 0}).to_string(), "int32 [2,0]: [[], []]");
  EXPECT_LT(Tensor::zeros(DType::kInt32, {std::int64_t{1} << 40, 0}).to_string().size(), 200u);
  expect_error(Code::kOutOfRange, "index 3 of 3", [&] { (void)t.element_to_string(3); });
}

TEST(Tensor, ATensorWithoutValueIsEqualToNoOther) {
  EXPECT_TRUE(bit_equal(Tensor(), Tensor()));
  EXPECT_FALSE(bit_equal(Tensor(), Tensor::scalar(1.0f)));
  EXPECT_FALSE(bit_equal(Tensor::scalar(1.0f), Tensor()));
  expect_error(Code::kInvalidArgument, "has no value", [] { max_abs_difference(Tensor(), Tensor::scalar(1.0f)); });
}

TEST(Tensor, RandomTensorsDependOnTheSeedAlone) {
  const Tensor a = random_normal_tensor(DType::kFloat32, {4, 5}, 7);
  EXPECT_TRUE(bit_equal(a, random_normal_tensor(DType::kFloat32, {4, 5}, 7)));
  EXPECT_FALSE(bit_equal(a, random_normal_tensor(DType::kFloat32, {4, 5}, 8)));
  // A larger tensor begins with the same values: each is a function of the seed and its index.
  EXPECT_TRUE(bit_equal(a.reshaped({20}), random_normal_tensor(DType::kFloat32, {100}, 7).rows(0, 20)));
  const Tensor u = random_uniform_tensor(DType::kFloat64, {1000}, 3, -2.0, 5.0);
  for (std::int64_t i = 0; i < u.num_elements(); ++i) {
    ASSERT_GE(u.at(i), -2.0);
    ASSERT_LT(u.at(i), 5.0);
  }
}

}  // namespace
}  // namespace gradus
