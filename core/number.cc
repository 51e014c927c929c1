#include "gradus/core/number.h"

#include <fmt/format.h>

#include <bit>

namespace gradus {

std::string Number::to_string() const { return is_integer_ ? std::to_string(integer_) : fmt::format("{}", real_); }

bool operator==(const Number& a, const Number& b) {
  if (a.is_integer_ != b.is_integer_) return false;
  return a.is_integer_ ? a.integer_ == b.integer_
                       : std::bit_cast<std::uint64_t>(a.real_) == std::bit_cast<std::uint64_t>(b.real_);
}

bool fits(const Number& value, DType dtype) {
  return visit_dtype(dtype, [&]<class T>(TypeTag<T>) { return value.as<T>().has_value(); });
}

std::string misfit_text(const char* name, const Number& value, DType dtype) {
  const std::string rule = visit_dtype(dtype, [&]<class T>(TypeTag<T>) -> std::string {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_same_v<T, bool>) {
      return "0 or 1";
    } else if constexpr (std::is_integral_v<T>) {
      return fmt::format("an integer from {} to {}", static_cast<std::int64_t>(Limits::min()),
                         static_cast<std::int64_t>(Limits::max()));
    } else {
      return "a number";
    }
  });
  return fmt::format("{} must be {} for {}; got {}", name, rule, dtype_name(dtype), value.to_string());
}

}  // namespace gradus
