// DType: names, sizes, sets, and dispatch to C++ types.
#include "gradus/core/dtype.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gradus {
namespace {

const std::vector<DType> kAll = {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64,
                                 DType::kInt32,   DType::kInt64,    DType::kUInt8,   DType::kBool};

TEST(DType, NamesAreTheUsualOnesAndParseBack) {
  const std::vector<std::string> names = {"float16", "bfloat16", "float32", "float64",
                                          "int32",   "int64",    "uint8",   "bool"};
  ASSERT_EQ(kAll.size(), static_cast<std::size_t>(kDTypeCount));
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    EXPECT_EQ(dtype_name(kAll[i]), names[i]);
    EXPECT_EQ(dtype_from_name(names[i]), kAll[i]);
  }
}

TEST(DType, AnUnknownNameIsRefusedWithTheNamesThatExist) {
  for (const char* name : {"float", "", "Float32", "int16", "float32 "}) {
    try {
      dtype_from_name(name);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find("float32"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("bool"), std::string::npos) << error.what();
    }
  }
}

TEST(DType, SizesAndKinds) {
  const std::vector<std::size_t> sizes = {2, 2, 4, 8, 4, 8, 1, 1};
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    EXPECT_EQ(dtype_size(kAll[i]), sizes[i]);
    EXPECT_EQ(is_half(kAll[i]), i < 2);
    EXPECT_EQ(is_floating(kAll[i]), i < 4);
    EXPECT_EQ(is_integer(kAll[i]), i >= 4 && i < 7);
    EXPECT_EQ(std::string(kFloatingNames).find(dtype_name(kAll[i])) != std::string::npos, is_floating(kAll[i]));
    EXPECT_EQ(kFloating.contains(kAll[i]), is_floating(kAll[i]));
    EXPECT_EQ(kIntegers.contains(kAll[i]), is_integer(kAll[i]));
    EXPECT_EQ(kNumeric.contains(kAll[i]), kAll[i] != DType::kBool);
    EXPECT_TRUE(kAllDTypes.contains(kAll[i]));
  }
}

// By looking for them: 1 + 2^-k is another number than 1 down to the epsilon, and 2^-k (1 + epsilon) one with all digits down to the
// smallest normal number.
TEST(DType, TheEpsilonAndTheSmallestNormalNumber) {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64}) {
    visit_floating(dtype, [&]<class T>(TypeTag<T>) {
      const auto rounded = [](double x) { return static_cast<double>(static_cast<T>(x)); };
      double epsilon = 1;
      while (rounded(1 + epsilon / 2) > 1) epsilon /= 2;
      EXPECT_EQ(machine_epsilon(dtype), epsilon) << dtype_name(dtype);
      double normal = 1;
      for (double next = 0.5 * (1 + epsilon); next > normal / 2 && rounded(next) == next; next /= 2) normal /= 2;
      EXPECT_EQ(smallest_normal(dtype), normal) << dtype_name(dtype);
    });
  }
}

TEST(DType, DispatchVisitsTheMatchingType) {
  for (DType dtype : kAll) {
    const bool same =
        visit_dtype(dtype, [&]<class T>(TypeTag<T>) { return dtype_of<T> == dtype && sizeof(T) == dtype_size(dtype); });
    EXPECT_TRUE(same) << dtype_name(dtype);
  }
  EXPECT_EQ(visit_floating(DType::kFloat16, []<class T>(TypeTag<T>) { return sizeof(T); }), 2u);
  try {
    visit_floating(DType::kInt32, []<class T>(TypeTag<T>) {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnimplemented);
    EXPECT_NE(std::string(error.what()).find("int32"), std::string::npos);
  }
}

TEST(Error, SaysItsCodeInFullText) {
  EXPECT_EQ(invalid_argument("x must be positive; got -1").full_text(), "InvalidArgument: x must be positive; got -1");
  EXPECT_EQ(std::string(not_found("no such file").what()), "no such file");
  const std::vector<std::pair<Error, std::string>> all = {{invalid_argument(""), "InvalidArgument"},
                                                          {not_found(""), "NotFound"},
                                                          {unimplemented(""), "Unimplemented"},
                                                          {out_of_range(""), "OutOfRange"},
                                                          {Error(Code::kResourceExhausted, ""), "ResourceExhausted"},
                                                          {data_loss(""), "DataLoss"},
                                                          {unavailable(""), "Unavailable"},
                                                          {internal_error(""), "Internal"}};
  for (const auto& [error, name] : all) EXPECT_EQ(code_name(error.code()), name);
}

}  // namespace
}  // namespace gradus
