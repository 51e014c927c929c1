// What .npy files and the members of .npz archives share. Not for users.
#pragma once

#include <cstdint>
#include <string>

#include "gradus/core/atomic_file.h"
#include "gradus/core/tensor.h"
#include "gradus/io/byte_source.h"

namespace gradus::io {

// One .npy array that fills the whole source.
Tensor read_npy(ByteSource& source);
// The bytes in front of the tensor's own memory. Throws, beginning with `what`, InvalidArgument for an undefined tensor, Unimplemented
// for bfloat16.
std::string npy_header_of(const Tensor& tensor, const std::string& what);
void write_npy(const std::string& header, const Tensor& tensor, AtomicFile* file);
// DataLoss unless each byte is 0 or 1: reading any other value as bool is undefined behaviour.
void check_bools(const ByteSource& source, std::uint64_t data_at, const void* data, std::uint64_t count);

}  // namespace gradus::io
