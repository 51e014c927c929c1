// The idx format of MNIST and its relatives: two zero bytes, a type byte (8: unsigned bytes), the number of dimensions,
// each size as a big-endian 32-bit integer, then the data. Definition: http://yann.lecun.com/exdb/mnist
#pragma once

#include <string>

#include "gradus/core/tensor.h"

namespace gradus::io {

// Reads a file of unsigned bytes, plain or gzipped, to a uint8 tensor. Throws NotFound; DataLoss (wrong magic, negative
// sizes, truncated or trailing bytes, damaged gzip data; names file and offset); Unimplemented for other element types.
Tensor load_idx(const std::string& path);

}  // namespace gradus::io
