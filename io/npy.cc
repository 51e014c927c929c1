#include "gradus/io/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "gradus/io/npy_data.h"
#include "gradus/io/npy_header.h"

namespace gradus::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the writers store memory as it lies: little-endian");

void swap_bytes(char* data, std::int64_t count, std::size_t size) {
  for (std::int64_t i = 0; i < count; ++i, data += size) std::reverse(data, data + size);
}

template <class From>
void widen(const void* from, Tensor* to) {
  const From* values = static_cast<const From*>(from);
  visit_dtype(to->dtype(), [&]<class To>(TypeTag<To>) {
    if constexpr (std::is_integral_v<To>) {
      for (To& element : to->flat<To>()) element = static_cast<To>(*values++);
    }
  });
}

// First index fastest to last index fastest.
Tensor from_fortran_order(const Tensor& source) {
  const int rank = source.shape().rank();
  Tensor result(source.dtype(), source.shape());
  const std::size_t size = dtype_size(source.dtype());
  std::int64_t stride[Shape::kMaxRank] = {};  // of each axis in the source, in elements
  std::int64_t index[Shape::kMaxRank] = {};
  stride[0] = 1;
  for (int axis = 1; axis < rank; ++axis) stride[axis] = stride[axis - 1] * source.shape()[axis - 1];
  const char* from = static_cast<const char*>(source.raw());
  char* to = static_cast<char*>(result.raw());
  std::int64_t position = 0;
  for (std::int64_t i = 0; i < source.num_elements(); ++i, to += size) {
    std::memcpy(to, from + static_cast<std::size_t>(position) * size, size);
    for (int axis = rank - 1; axis >= 0; --axis) {
      position += stride[axis];
      if (++index[axis] < source.shape()[axis]) break;
      position -= stride[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return result;
}

}  // namespace

void check_bools(const ByteSource& source, std::uint64_t data_at, const void* data, std::uint64_t count) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (bytes[i] > 1) source.fail_at(data_at + i, fmt::format("a bool of value {}", bytes[i]));
  }
}

Tensor read_npy(ByteSource& source) {
  const std::uint64_t begin = source.offset();
  const NpyHeader header = read_npy_header(source);
  const std::uint64_t bytes = checked_bytes(source, begin, header.shape, header.element_size);
  if (!source.packed() && bytes < source.most_left()) {
    source.fail_at(source.offset() + bytes, fmt::format("{} bytes follow the data", source.most_left() - bytes));
  }
  const std::uint64_t data_at = source.offset();
  const Buffer buffer = read_buffer(source, bytes, "array data");
  source.expect_end();
  const auto count = static_cast<std::int64_t>(bytes / header.element_size);
  if (header.big_endian && header.element_size > 1) {
    swap_bytes(static_cast<char*>(buffer.get()), count, header.element_size);
  }
  if (header.kind == 'b') check_bools(source, data_at, buffer.get(), bytes);

  const Shape shape(header.shape);
  Tensor tensor;
  if (header.element_size == dtype_size(header.dtype)) {
    tensor = Tensor(buffer, 0, header.dtype, shape);
  } else {
    tensor = Tensor(header.dtype, shape);
    const bool is_signed = header.kind == 'i';
    switch (header.element_size) {
      case 1: widen<std::int8_t>(buffer.get(), &tensor); break;
      case 2:
        is_signed ? widen<std::int16_t>(buffer.get(), &tensor) : widen<std::uint16_t>(buffer.get(), &tensor);
        break;
      default: widen<std::uint32_t>(buffer.get(), &tensor); break;
    }
  }
  return header.fortran_order && shape.rank() > 1 ? from_fortran_order(tensor) : tensor;
}

std::string npy_header_of(const Tensor& tensor, const std::string& what) {
  if (!tensor.defined()) throw invalid_argument(fmt::format("{}: the tensor was never given a value", what));
  return make_npy_header(tensor.dtype(), tensor.shape().dims());
}

void write_npy(const std::string& header, const Tensor& tensor, AtomicFile* file) {
  file->write(header);
  file->write(tensor.raw(), tensor.bytes());
}

Tensor load_npy(const std::string& path) { return read_npy(*open_file(path)); }

void save_npy(const std::string& path, const Tensor& tensor) {
  const std::string header = npy_header_of(tensor, path);  // before the file is begun
  AtomicFile file(path, Durability::kDurable);
  write_npy(header, tensor, &file);
  file.commit();
}

}  // namespace gradus::io
