// NumPy's array files: one array (.npy) or a zip archive of named arrays (.npz).
//
// Reading: versions 1.0 to 3.0, C and Fortran order, both byte orders, archives stored or deflated with checksums
//   verified. bool, uint8, int32, int64, float16, float32 and float64 keep their type; int8, int16 and uint16 become
//   int32, uint32 becomes int64. Other types (uint64, complex, strings, Python objects, records) are Unimplemented;
//   objects are never unpickled.
// Writing: version 1.0, C order, little-endian, to a temporary file that is flushed to the disk and renamed, so
//   readers never see half a file. bfloat16, which NumPy does not know, is Unimplemented: cast it to float32, which is exact.
// Errors: NotFound (no such file or directory), DataLoss (truncated, corrupt or trailing bytes; names file and offset),
//   Unimplemented (a type, rank above 8, encrypted or zip64 archives), InvalidArgument (an undefined tensor, a bad
//   name).
// All functions may be called from any thread.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gradus/core/tensor.h"

namespace gradus::io {

Tensor load_npy(const std::string& path);
void save_npy(const std::string& path, const Tensor& tensor);

struct LoadNpzOptions {
  std::vector<std::string> names;  // read these arrays and look into no other member; empty: all arrays
};
// Keys are the names without ".npy", as numpy.load shows them. Members with other names (a README, a directory) are no arrays
// and are left out; an array that cannot be read is an error unless `names` leaves it out. Throws NotFound for a name that the
// archive lacks, Unimplemented when it has members and none is an array.
std::map<std::string, Tensor> load_npz(const std::string& path, const LoadNpzOptions& options = {});

struct NpzOptions {
  bool compress = false;  // deflate, like numpy.savez_compressed
};
void save_npz(const std::string& path, const std::map<std::string, Tensor>& tensors, const NpzOptions& options = {});

}  // namespace gradus::io
