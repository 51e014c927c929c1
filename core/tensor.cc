#include "gradus/core/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "gradus/core/convert.h"
#include "gradus/core/huge_pages.h"
#include "gradus/core/philox.h"
#include "gradus/core/tensor_text.h"

namespace gradus {
namespace {

constexpr std::size_t kAlignment = 64;

}  // namespace

Buffer allocate_host(std::size_t bytes) {
  const std::size_t rounded = (bytes / kAlignment + 1) * kAlignment;
  void* memory = rounded > bytes ? std::aligned_alloc(kAlignment, rounded) : nullptr;
  if (memory == nullptr)
    throw Error(Code::kResourceExhausted, fmt::format("cannot allocate {} bytes of host memory", bytes));
  ask_for_huge_pages(memory, bytes);
  return Buffer(memory, [](void* p) { std::free(p); });
}

std::optional<std::int64_t> byte_count(DType dtype, const Shape& shape) {
  auto bytes = static_cast<std::int64_t>(std::ranges::find(shape, 0) == shape.end() ? dtype_size(dtype) : 0);
  for (const std::int64_t size : shape) {
    if (size == kUnknownDim || !checked_multiply(bytes, size, &bytes)) return std::nullopt;
  }
  return bytes;
}

Tensor::Tensor(DType dtype, const Shape& shape) : shape_(shape), dtype_(dtype), has_value_(true) {
  count_ = shape.num_elements();
  const auto bytes = byte_count(dtype, shape);
  if (!bytes) throw invalid_argument("the byte count of shape " + shape.to_string() + " does not fit in 63 bits");
  bytes_ = static_cast<std::size_t>(*bytes);
  buffer_ = allocate_host(bytes_);
  data_ = buffer_.get();
}

Tensor::Tensor(Buffer buffer, std::size_t offset, DType dtype, const Shape& shape)
    : buffer_(std::move(buffer)), shape_(shape), dtype_(dtype), has_value_(true) {
  count_ = shape.num_elements();
  bytes_ = static_cast<std::size_t>(count_) * dtype_size(dtype);
  data_ = static_cast<char*>(buffer_.get()) + offset;
}

Tensor Tensor::zeros(DType dtype, const Shape& shape) {
  Tensor t(dtype, shape);
  std::memset(t.raw(), 0, t.bytes());
  return t;
}

Tensor Tensor::full(DType dtype, const Shape& shape, double value) {
  Tensor t(dtype, shape);
  t.fill(value);
  return t;
}

void Tensor::check_dtype(DType requested) const {
  if (!has_value_) throw invalid_argument("the tensor is empty (it was never given a value)");
  if (requested == dtype_) return check_memory();
  throw invalid_argument(
      fmt::format("the tensor holds {}, not {}; use cast()", dtype_name(dtype_), dtype_name(requested)));
}

// Kernels meet such tensors: prepare() sees shapes before there is memory, and host operands have none at all.
void Tensor::check_memory() const {
  if (data_ != nullptr || count_ == 0) return;
  throw invalid_argument(
      fmt::format("the tensor, {} {}, has a shape but no memory, so its elements cannot be read here (in a kernel: "
                  "compute() reads operands, and of "
                  "those in OpDef::host_operands prepare() gets the values by host_values())",
                  dtype_name(dtype_), shape_.to_string()));
}

void Tensor::check_single() const {
  if (count_ != 1) throw invalid_argument("item() needs exactly one element; the shape is " + shape_.to_string());
}

void Tensor::check_index(std::int64_t index) const {
  if (index >= 0 && index < count_) return check_memory();
  if (!has_value_) throw invalid_argument("the tensor is empty (it was never given a value)");
  throw out_of_range(fmt::format("index {} of {} elements; the shape is {}", index, count_, shape_.to_string()));
}

std::int64_t Tensor::position(std::initializer_list<std::int64_t> indices) const {
  if (!has_value_) throw invalid_argument("the tensor is empty (it was never given a value)");
  const auto text = [&] { return fmt::format("{{{}}}", fmt::join(indices, ", ")); };
  if (static_cast<int>(indices.size()) != shape_.rank()) {
    throw invalid_argument(
        fmt::format("at() and set() take one index per dimension, {} for shape {}; got {} (a number "
                    "without braces counts all elements in row-major order)",
                    shape_.rank(), shape_.to_string(), text()));
  }
  std::int64_t position = 0;
  int axis = 0;
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= shape_[axis]) {
      throw out_of_range(fmt::format("index {} of axis {} is outside [0, {}); got {} for shape {}", index, axis,
                                     shape_[axis], text(), shape_.to_string()));
    }
    position = position * shape_[axis++] + index;
  }
  return position;
}

double Tensor::at(std::int64_t index) const {
  check_index(index);
  return visit_dtype(dtype_,
                     [&]<class T>(TypeTag<T>) { return static_cast<double>(static_cast<const T*>(data_)[index]); });
}

void Tensor::set(std::int64_t index, double value) {
  check_index(index);
  visit_dtype(dtype_, [&]<class T>(TypeTag<T>) { static_cast<T*>(data_)[index] = convert_element<T>(value); });
}

Tensor Tensor::clone() const {
  if (!has_value_) return {};
  Tensor copy(dtype_, shape_);
  if (bytes_ > 0) std::memcpy(copy.raw(), data_, bytes_);
  return copy;
}

Tensor Tensor::cast(DType dtype) const {
  if (!has_value_ || dtype == dtype_) return clone();
  Tensor result(dtype, shape_);
  visit_dtype(dtype_, [&]<class From>(TypeTag<From>) {
    visit_dtype(dtype, [&]<class To>(TypeTag<To>) {
      const From* from = static_cast<const From*>(data_);
      To* to = result.data<To>();
      for (std::int64_t i = 0; i < count_; ++i) to[i] = convert_element<To>(from[i]);
    });
  });
  return result;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  if (shape.num_elements() != count_) {
    throw invalid_argument(
        fmt::format("cannot reshape {} elements of shape {} to {}", count_, shape_.to_string(), shape.to_string()));
  }
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  if (shape_.rank() == 0) throw invalid_argument("rows() needs at least one dimension");
  if (begin < 0 || begin > end || end > shape_[0]) {
    throw out_of_range(fmt::format("rows [{}, {}) of a tensor of shape {}", begin, end, shape_.to_string()));
  }
  Tensor view = *this;
  const std::int64_t row = shape_[0] == 0 ? 0 : count_ / shape_[0];
  view.shape_.set_dim(0, end - begin);
  view.count_ = (end - begin) * row;
  view.bytes_ = static_cast<std::size_t>(view.count_) * dtype_size(dtype_);
  view.data_ = static_cast<char*>(data_) + static_cast<std::size_t>(begin * row) * dtype_size(dtype_);
  return view;
}

void Tensor::fill(double value) {
  visit_dtype(dtype_, [&]<class T>(TypeTag<T>) { std::ranges::fill(flat<T>(), convert_element<T>(value)); });
}

void Tensor::copy_from(const Tensor& other) {
  if (other.dtype_ != dtype_ || other.count_ != count_) {
    throw invalid_argument(fmt::format("cannot copy {} into {}", type_text(other), type_text(*this)));
  }
  if (bytes_ > 0) std::memmove(data_, other.data_, bytes_);  // v = v, in place
}

bool bit_equal(const Tensor& a, const Tensor& b) {
  return a.defined() == b.defined() && a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

double max_abs_difference(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) throw invalid_argument("max_abs_difference: a tensor has no value");
  if (!(a.shape() == b.shape())) {
    throw invalid_argument("max_abs_difference: shapes " + a.shape().to_string() + " and " + b.shape().to_string() +
                           " differ");
  }
  double largest = 0.0;
  for (std::int64_t i = 0; i < a.num_elements(); ++i) {
    const double x = a.at(i);
    const double y = b.at(i);
    const double difference = x == y ? 0.0 : std::fabs(x - y);  // equal infinities differ by 0
    if (std::isnan(difference)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, difference);
  }
  return largest;
}

Tensor random_normal_tensor(DType dtype, const Shape& shape, std::uint64_t seed, double mean, double stddev) {
  Tensor t(dtype, shape);
  const PhiloxStream stream(seed, 0);
  for (std::int64_t i = 0; i < t.num_elements(); ++i)
    t.set(i, mean + stddev * stream.normal(static_cast<std::uint64_t>(i)));
  return t;
}

Tensor random_uniform_tensor(DType dtype, const Shape& shape, std::uint64_t seed, double low, double high) {
  Tensor t(dtype, shape);
  const PhiloxStream stream(seed, 0);
  for (std::int64_t i = 0; i < t.num_elements(); ++i) {
    t.set(i, low + (high - low) * stream.uniform(static_cast<std::uint64_t>(i)));
  }
  return t;
}

}  // namespace gradus
