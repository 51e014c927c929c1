#include "gradus/io/data/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "gradus/io/byte_source.h"

namespace gradus::io {

Tensor load_idx(const std::string& path) {
  const auto source = open_maybe_gzip(path);
  unsigned char magic[4];
  source->read(magic, sizeof magic, "the idx magic");
  if (magic[0] != 0 || magic[1] != 0 || magic[3] == 0) source->fail_at(0, "not an idx file: wrong magic");
  constexpr int kOtherTypes[] = {0x09, 0x0b, 0x0c, 0x0d, 0x0e};  // int8, int16, int32, float32, float64
  if (std::ranges::count(kOtherTypes, magic[2]) > 0) {
    throw unimplemented(
        fmt::format("{}: offset 2: idx element type {:#04x}; only unsigned bytes (0x08) are read", path, magic[2]));
  }
  if (magic[2] != 0x08) source->fail_at(2, fmt::format("not an idx file: unknown element type {:#04x}", magic[2]));
  std::vector<std::int64_t> dims;
  for (int i = 0; i < magic[3]; ++i) {
    const std::uint64_t size = source->read_integer(4, std::endian::big, "the idx sizes");
    dims.push_back(static_cast<std::int32_t>(size));  // the format's sizes are signed
  }
  const Buffer buffer = read_last_array(*source, 4, dims, 1, "idx data");
  return Tensor(buffer, 0, DType::kUInt8, Shape(dims));
}

}  // namespace gradus::io
