#include "gradus/core/dtype.h"

#include <array>
#include <ostream>
#include <string>

namespace gradus {
namespace {

constexpr std::array<const char*, kDTypeCount> kNames = {"float16", "bfloat16", "float32", "float64",
                                                         "int32",   "int64",    "uint8",   "bool"};
constexpr std::array<std::size_t, kDTypeCount> kSizes = {2, 2, 4, 8, 4, 8, 1, 1};

}  // namespace

const char* dtype_name(DType dtype) {
  const auto i = static_cast<std::size_t>(dtype);
  return i < kNames.size() ? kNames[i] : "(no dtype)";
}
std::ostream& operator<<(std::ostream& out, DType dtype) { return out << dtype_name(dtype); }

DType dtype_from_name(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<DType>(i);
    known += (i == 0 ? "" : ", ") + std::string(kNames[i]);
  }
  throw invalid_argument("unknown dtype '" + std::string(name) + "'; known: " + known);
}

std::size_t dtype_size(DType dtype) {
  const auto i = static_cast<std::size_t>(dtype);
  if (i >= kSizes.size()) throw invalid_argument("there is no dtype number " + std::to_string(i));
  return kSizes[i];
}

}  // namespace gradus
