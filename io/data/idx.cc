#include "gradus/io/data/idx.h"

#include <fmt/format.h>

#include <vector>

#include "gradus/io/byte_source.h"

namespace gradus::io {

Tensor load_idx(const std::string& path) {
  const auto source = open_maybe_gzip(path);
  unsigned char magic[4];
  source->read(magic, sizeof magic, "the idx magic");
  if (magic[0] != 0 || magic[1] != 0 || magic[3] == 0) source->fail_at(0, "not an idx file: wrong magic");
  switch (magic[2]) {
    case 0x08: break;
    case 0x09:
    case 0x0b:
    case 0x0c:
    case 0x0d:
    case 0x0e:
      throw unimplemented(
          fmt::format("{}: offset 2: idx element type {:#04x}; only unsigned bytes (0x08) are read", path, magic[2]));
    default: source->fail_at(2, fmt::format("not an idx file: unknown element type {:#04x}", magic[2]));
  }
  std::vector<std::int64_t> dims;
  for (int i = 0; i < magic[3]; ++i) {
    unsigned char raw[4];
    source->read(raw, sizeof raw, "the idx sizes");
    const std::uint32_t size =
        std::uint32_t{raw[0]} << 24 | std::uint32_t{raw[1]} << 16 | std::uint32_t{raw[2]} << 8 | raw[3];
    dims.push_back(static_cast<std::int32_t>(size));  // the format's sizes are signed
  }
  const std::uint64_t bytes = checked_bytes(*source, 4, dims, 1);
  if (!source->packed() && bytes < source->most_left()) {
    source->fail_at(source->offset() + bytes, fmt::format("{} bytes follow the data", source->most_left() - bytes));
  }
  Buffer buffer = read_buffer(*source, bytes, "idx data");
  source->expect_end();
  return Tensor(std::move(buffer), 0, DType::kUInt8, Shape(dims));
}

}  // namespace gradus::io
