// A dense, row-major tensor: a dtype, a shape and a reference to memory. Copies share the memory (like a shared_ptr);
// clone() makes new memory. Tensors that users hold lie in host memory, 64-byte aligned, and may be read from many threads;
// writing while another thread reads is the caller's race. Every shape here is fully known.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gradus/core/dtype.h"
#include "gradus/core/shape.h"

namespace gradus {

// A block of memory of some device. The deleter knows where it came from.
using Buffer = std::shared_ptr<void>;

// Of a tensor; nullopt where that does not fit in 63 bits or a dimension is unknown.
std::optional<std::int64_t> byte_count(DType dtype, const Shape& shape);

// 64-byte aligned host memory, uninitialised; throws ResourceExhausted.
Buffer allocate_host(std::size_t bytes);

// How Tensor::to_lines writes a tensor.
struct TensorFormat {
  int precision = 6;                 // significant digits of floating values
  std::int64_t max_elements = 1000;  // of larger tensors only the edges are written
  int edge_items = 3;                // how many at either end of an axis
  int line_width = 100;              // columns; longer rows go on in the next line
};

class Tensor {
 public:
  Tensor() = default;  // no memory: defined() is false
  // Uninitialised host memory. Throws InvalidArgument (unknown or overflowing shape) or ResourceExhausted.
  Tensor(DType dtype, const Shape& shape);
  // A window on existing memory, from `offset` bytes on. Used by the session for its arena.
  Tensor(Buffer buffer, std::size_t offset, DType dtype, const Shape& shape);

  static Tensor zeros(DType dtype, const Shape& shape);
  // Every element `value`, rounded to dtype.
  static Tensor full(DType dtype, const Shape& shape, double value);
  template <class T>
  static Tensor scalar(T value);
  // values.size() must be the shape's element count, else InvalidArgument.
  template <class T>
  static Tensor from(const Shape& shape, const std::vector<T>& values);
  // A vector (rank 1).
  template <class T>
  static Tensor from(const std::vector<T>& values);

  bool defined() const { return has_value_; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t num_elements() const { return count_; }
  std::size_t bytes() const { return bytes_; }

  void* raw() { return data_; }
  const void* raw() const { return data_; }
  // Throws InvalidArgument when T is not the tensor's dtype.
  template <class T>
  T* data();
  template <class T>
  const T* data() const;
  template <class T>
  std::span<T> flat() {
    return {data<T>(), static_cast<std::size_t>(count_)};
  }
  template <class T>
  std::span<const T> flat() const {
    return {data<T>(), static_cast<std::size_t>(count_)};
  }
  // The only element; throws InvalidArgument when there are more or T is another dtype.
  template <class T>
  T item() const;

  // Element `index` (row-major) as a double, for printing, tests and plain loops; converts any dtype.
  double at(std::int64_t index) const;
  void set(std::int64_t index, double value);
  // The same by one index per dimension: t.at({row, column}). Throws InvalidArgument for another number of indices and
  // OutOfRange for one beyond its dimension; both texts have the shape.
  double at(std::initializer_list<std::int64_t> indices) const { return at(position(indices)); }
  void set(std::initializer_list<std::int64_t> indices, double value) { set(position(indices), value); }

  Tensor clone() const;                       // same values, own memory
  Tensor cast(DType dtype) const;             // own memory; as core/convert.h says
  Tensor reshaped(const Shape& shape) const;  // shares memory; throws InvalidArgument when the counts differ
  // Rows [begin, end) of axis 0; shares memory. Throws OutOfRange.
  Tensor rows(std::int64_t begin, std::int64_t end) const;
  void fill(double value);
  void copy_from(const Tensor& other);  // same dtype and element count, else InvalidArgument
  bool shares_memory_with(const Tensor& other) const { return buffer_ == other.buffer_; }
  const Buffer& buffer() const { return buffer_; }

  // "float32 [2,3] min -1 mean 0.2 max 4: [[1, 2, 3], ...]"; long tensors are shortened.
  std::string to_string(int max_elements = 32) const;
  // The same head, then one line per row as NumPy writes them: aligned, and for large tensors with "..." between the edges.
  std::string to_lines(const TensorFormat& format = {}) const;
  // Element `index` as to_string writes it: integers with all digits, floating values with six. Throws OutOfRange.
  std::string element_to_string(std::int64_t index) const;

 private:
  void check_index(std::int64_t index) const;
  std::int64_t position(std::initializer_list<std::int64_t> indices) const;
  void check_dtype(DType requested) const;
  void check_memory() const;
  void check_single() const;
  Buffer buffer_;
  void* data_ = nullptr;
  std::int64_t count_ = 0;
  std::size_t bytes_ = 0;
  Shape shape_;
  DType dtype_ = DType::kFloat32;
  bool has_value_ = false;
};

// Scalars and vectors as to_string() writes them, in one line; from rank 2 on as to_lines(). The stream's precision counts:
// std::cout << std::setprecision(3) << tensor.
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

// Same dtype, shape and bits (so NaN equals the same NaN).
bool bit_equal(const Tensor& a, const Tensor& b);
// max |a - b| over the elements, computed in float64; NaN when any difference is NaN. Throws InvalidArgument on unlike shapes
// and for a tensor without value.
double max_abs_difference(const Tensor& a, const Tensor& b);

// Reproducible random tensors for tests, examples and feeds (Philox). The same seed gives the same values
// in every run and for any number of threads; other compilers or processors may round the last bit in another way.
Tensor random_normal_tensor(DType dtype, const Shape& shape, std::uint64_t seed, double mean = 0.0,
                            double stddev = 1.0);
Tensor random_uniform_tensor(DType dtype, const Shape& shape, std::uint64_t seed, double low = 0.0, double high = 1.0);

template <class T>
T* Tensor::data() {
  check_dtype(dtype_of<T>);
  return static_cast<T*>(data_);
}
template <class T>
const T* Tensor::data() const {
  check_dtype(dtype_of<T>);
  return static_cast<const T*>(data_);
}
template <class T>
T Tensor::item() const {
  check_single();
  return *data<T>();
}
template <class T>
Tensor Tensor::scalar(T value) {
  Tensor t(dtype_of<T>, Shape{});
  *t.data<T>() = value;
  return t;
}
template <class T>
Tensor Tensor::from(const Shape& shape, const std::vector<T>& values) {
  Tensor t(dtype_of<T>, shape);
  if (static_cast<std::size_t>(t.count_) != values.size()) {
    throw invalid_argument("a tensor of shape " + shape.to_string() + " has " + std::to_string(t.count_) +
                           " elements; got " + std::to_string(values.size()) + " values");
  }
  for (std::size_t i = 0; i < values.size(); ++i) t.data<T>()[i] = values[i];
  return t;
}
template <class T>
Tensor Tensor::from(const std::vector<T>& values) {
  return from(Shape{static_cast<std::int64_t>(values.size())}, values);
}

}  // namespace gradus
