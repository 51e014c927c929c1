#include "gradus/io/byte_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace gradus::io {
namespace {

class FileRange : public ByteSource {
 public:
  FileRange(std::shared_ptr<const File> file, std::uint64_t begin, std::uint64_t end, std::string name)
      : ByteSource(std::move(name)), file_(std::move(file)), position_(begin), end_(end) {}
  std::uint64_t most_left() const override { return end_ - position_; }

 protected:
  std::size_t read_some(void* to, std::size_t bytes) override {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, end_ - position_));
    const std::size_t got = file_->read_at(position_, to, wanted);
    position_ += got;
    return got;
  }

 private:
  std::shared_ptr<const File> file_;
  std::uint64_t position_;
  std::uint64_t end_;
};

// How many bytes an array takes, when it can be there.
std::uint64_t checked_bytes(const ByteSource& source, std::uint64_t at, const std::vector<std::int64_t>& dims,
                            std::size_t element_size) {
  std::int64_t bytes = static_cast<std::int64_t>(element_size);
  bool empty = false;
  for (std::int64_t dim : dims) {
    if (dim < 0) source.fail_at(at, fmt::format("negative size {} in shape [{}]", dim, fmt::join(dims, ",")));
    empty = empty || dim == 0;
  }
  for (std::int64_t dim : dims) {
    if (!checked_multiply(bytes, dim == 0 ? 1 : dim, &bytes)) {
      source.fail_at(at, fmt::format("the byte count of shape [{}] does not fit in 63 bits", fmt::join(dims, ",")));
    }
  }
  if (empty) bytes = 0;
  if (static_cast<std::uint64_t>(bytes) > source.most_left()) {
    source.fail_at(
        at, fmt::format("shape [{}] declares {} bytes of data, but {}{} bytes are left", fmt::join(dims, ","), bytes,
                        source.packed() ? "no more than " : "only ", source.most_left()));
  }
  if (dims.size() > static_cast<std::size_t>(Shape::kMaxRank)) {
    throw unimplemented(fmt::format("{}: offset {}: an array of {} dimensions; at most {} are supported", source.name(),
                                    at, dims.size(), Shape::kMaxRank));
  }
  return static_cast<std::uint64_t>(bytes);
}

// Packed data is read into memory that grows as bytes arrive.
Buffer read_buffer(ByteSource& source, std::uint64_t bytes, const char* what) {
  constexpr std::uint64_t kFirstChunk = std::uint64_t{1} << 20;
  std::uint64_t capacity = source.packed() ? std::min(bytes, kFirstChunk) : bytes;
  Buffer buffer = allocate_host(static_cast<std::size_t>(capacity));
  std::uint64_t done = 0;
  while (true) {
    source.read(static_cast<char*>(buffer.get()) + done, static_cast<std::size_t>(capacity - done), what);
    done = capacity;
    if (done == bytes) return buffer;
    capacity = std::min(bytes, capacity * 2);
    Buffer larger = allocate_host(static_cast<std::size_t>(capacity));
    std::memcpy(larger.get(), buffer.get(), static_cast<std::size_t>(done));
    buffer = std::move(larger);
  }
}

}  // namespace

void ByteSource::fail_at(std::uint64_t offset, const std::string& text) const {
  throw data_loss(fmt::format("{}: offset {}{}: {}", name_, offset, packed() ? " of the unpacked data" : "", text));
}

void ByteSource::read(void* to, std::size_t bytes, const char* what) {
  const std::uint64_t start = offset_;
  std::size_t done = 0;
  while (done < bytes) {
    const std::size_t got = read_some(static_cast<char*>(to) + done, bytes - done);
    if (got == 0)
      fail(fmt::format("truncated: {} needs {} bytes from offset {}, {} are there", what, bytes, start, done));
    done += got;
    offset_ += got;
  }
}

std::uint64_t ByteSource::read_integer(std::size_t bytes, std::endian order, const char* what) {
  unsigned char raw[8];
  read(raw, bytes, what);
  if (order == std::endian::little) std::reverse(raw, raw + bytes);
  return std::accumulate(raw, raw + bytes, std::uint64_t{0},
                         [](std::uint64_t v, unsigned char b) { return v << 8 | b; });
}

void ByteSource::skip(std::uint64_t bytes, const char* what) {
  std::vector<char> chunk(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, std::uint64_t{1} << 16)));
  while (bytes > 0) {
    const std::size_t piece = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, chunk.size()));
    read(chunk.data(), piece, what);
    bytes -= piece;
  }
}

void ByteSource::expect_end() {
  char extra;
  if (read_some(&extra, 1) != 0) fail("bytes follow where the data should end");
}

std::unique_ptr<ByteSource> open_range(std::shared_ptr<const File> file, std::uint64_t begin, std::uint64_t end,
                                       std::string name) {
  return std::make_unique<FileRange>(std::move(file), begin, end, std::move(name));
}

std::unique_ptr<ByteSource> open_file(const std::string& path) {
  auto file = File::open(path);
  const std::uint64_t size = file->size();
  return open_range(std::move(file), 0, size, path);
}

std::unique_ptr<ByteSource> open_maybe_gzip(const std::string& path) {
  auto file = File::open(path);
  const std::uint64_t size = file->size();
  unsigned char magic[2] = {0, 0};
  if (file->read_at(0, magic, 2) == 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
    return open_packed(std::move(file), 0, size, Packing::kGzip, path);
  }
  return open_range(std::move(file), 0, size, path);
}

Buffer read_last_array(ByteSource& source, std::uint64_t header_at, const std::vector<std::int64_t>& dims,
                       std::size_t element_size, const char* what) {
  const std::uint64_t bytes = checked_bytes(source, header_at, dims, element_size);
  if (!source.packed() && bytes < source.most_left()) {
    source.fail_at(source.offset() + bytes, fmt::format("{} bytes follow the data", source.most_left() - bytes));
  }
  Buffer buffer = read_buffer(source, bytes, what);
  source.expect_end();
  return buffer;
}

}  // namespace gradus::io
