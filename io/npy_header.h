// The header of the .npy format: a magic string, a version, and a Python dictionary literal with the keys descr,
// fortran_order and shape (NumPy Enhancement Proposal 1 and the documentation of numpy.lib.format). Not for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gradus/core/dtype.h"
#include "gradus/io/byte_source.h"

namespace gradus::io {

struct NpyHeader {
  char kind = 'f';               // b bool, i signed, u unsigned, f floating
  std::size_t element_size = 4;  // bytes per element in the file
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  DType dtype =
      DType::kFloat32;  // of the tensor: the file's own type, or the next wider one (int8, int16, uint16, uint32)
};

// Reads versions 1.0, 2.0 and 3.0 and leaves the source at the first byte of data. Throws DataLoss for anything
// malformed, and Unimplemented for a well-formed type without a counterpart here (complex, uint64, strings, objects,
// records).
NpyHeader read_npy_header(ByteSource& source);

// A version 1.0 header, magic included, of a C-order little-endian array; its length is a multiple of 64.
std::string make_npy_header(DType dtype, const std::vector<std::int64_t>& shape);

}  // namespace gradus::io
