// Element types of tensors, their C++ types, and dispatch from one to the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string_view>
#include <type_traits>
#include <utility>

#include "gradus/core/bfloat16.h"
#include "gradus/core/error.h"
#include "gradus/core/float16.h"

namespace gradus {

// The numbers may change from version to version: files hold names.
enum class DType : std::uint8_t { kFloat16, kBFloat16, kFloat32, kFloat64, kInt32, kInt64, kUInt8, kBool };
inline constexpr int kDTypeCount = 8;

// "float32", ...
const char* dtype_name(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);
// Inverse of dtype_name; throws InvalidArgument listing the names that exist.
DType dtype_from_name(std::string_view name);
std::size_t dtype_size(DType dtype);  // bytes
// Of 16 bits: stored as such, computed in float32.
inline constexpr bool is_half(DType d) { return d == DType::kFloat16 || d == DType::kBFloat16; }
inline constexpr bool is_floating(DType d) { return is_half(d) || d == DType::kFloat32 || d == DType::kFloat64; }
// What is_floating() accepts, for texts.
inline constexpr const char* kFloatingNames = "float16, bfloat16, float32 or float64";
// Of positions, sizes and class numbers.
inline constexpr bool is_index(DType d) { return d == DType::kInt32 || d == DType::kInt64; }
inline constexpr bool is_integer(DType d) { return d == DType::kInt32 || d == DType::kInt64 || d == DType::kUInt8; }

template <class T>
struct DTypeOf;  // DTypeOf<float>::value == DType::kFloat32
template <>
struct DTypeOf<Float16> : std::integral_constant<DType, DType::kFloat16> {};
template <>
struct DTypeOf<BFloat16> : std::integral_constant<DType, DType::kBFloat16> {};
template <>
struct DTypeOf<float> : std::integral_constant<DType, DType::kFloat32> {};
template <>
struct DTypeOf<double> : std::integral_constant<DType, DType::kFloat64> {};
template <>
struct DTypeOf<std::int32_t> : std::integral_constant<DType, DType::kInt32> {};
template <>
struct DTypeOf<std::int64_t> : std::integral_constant<DType, DType::kInt64> {};
template <>
struct DTypeOf<std::uint8_t> : std::integral_constant<DType, DType::kUInt8> {};
template <>
struct DTypeOf<bool> : std::integral_constant<DType, DType::kBool> {};
template <class T>
inline constexpr DType dtype_of = DTypeOf<std::remove_cv_t<T>>::value;
// The C++ types that are elements of tensors.
template <class T>
concept HasDType = requires {
  DTypeOf<T>::value;
};

// A set of dtypes, for kernel registration: DTypeSet{DType::kFloat32, DType::kFloat64}, kFloating, kNumeric, kAllDTypes.
class DTypeSet {
 public:
  constexpr DTypeSet(std::initializer_list<DType> dtypes) {
    for (DType d : dtypes) bits_ |= 1u << static_cast<unsigned>(d);
  }
  constexpr bool contains(DType d) const { return (bits_ >> static_cast<unsigned>(d)) & 1u; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr DTypeSet operator|(DTypeSet other) const {
    other.bits_ |= bits_;
    return other;
  }

 private:
  unsigned bits_ = 0;
};
inline constexpr DTypeSet kFloating{DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64};
inline constexpr DTypeSet kIntegers{DType::kInt32, DType::kInt64, DType::kUInt8};
inline constexpr DTypeSet kNumeric = kFloating | kIntegers;
inline constexpr DTypeSet kAllDTypes = kNumeric | DTypeSet{DType::kBool};

// Of a floating dtype: the distance from 1 to the next larger number, and the smallest positive number with all digits.
constexpr double machine_epsilon(DType floating) {
  switch (floating) {
    case DType::kFloat16: return 0x1p-10;
    case DType::kBFloat16: return 0x1p-7;
    case DType::kFloat32: return 0x1p-23;
    default: return 0x1p-52;
  }
}
constexpr double smallest_normal(DType floating) {
  switch (floating) {
    case DType::kFloat16: return 0x1p-14;
    case DType::kBFloat16:  // has the exponents of float32
    case DType::kFloat32: return 0x1p-126;
    default: return 0x1p-1022;
  }
}

template <class T>
struct TypeTag {
  using type = T;
};

// Calls f(TypeTag<T>{}) with the C++ type of `dtype`: visit_dtype(d, [&]<class T>(TypeTag<T>) { ... });
template <class F>
decltype(auto) visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat16: return f(TypeTag<Float16>{});
    case DType::kBFloat16: return f(TypeTag<BFloat16>{});
    case DType::kFloat32: return f(TypeTag<float>{});
    case DType::kFloat64: return f(TypeTag<double>{});
    case DType::kInt32: return f(TypeTag<std::int32_t>{});
    case DType::kInt64: return f(TypeTag<std::int64_t>{});
    case DType::kUInt8: return f(TypeTag<std::uint8_t>{});
    case DType::kBool: return f(TypeTag<bool>{});
  }
  throw internal_error("visit_dtype: unknown dtype");
}

// As visit_dtype, for floating dtypes only; others throw Unimplemented.
template <class F>
decltype(auto) visit_floating(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat16: return f(TypeTag<Float16>{});
    case DType::kBFloat16: return f(TypeTag<BFloat16>{});
    case DType::kFloat32: return f(TypeTag<float>{});
    case DType::kFloat64: return f(TypeTag<double>{});
    default: throw unimplemented(std::string("needs a floating dtype; got ") + dtype_name(dtype));
  }
}

}  // namespace gradus
