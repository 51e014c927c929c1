// A stream of bytes to parse, from a file, a part of one, or packed data. Every format reader of this room reads
// through it, so that truncation, lying sizes and trailing bytes are found in one place and always reported as DataLoss
// with name and offset. Not for users. One thread at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/core/printable.h"
#include "gradus/core/tensor.h"
#include "gradus/io/file.h"

namespace gradus::io {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  const std::string& name() const { return name_; }
  std::uint64_t offset() const { return offset_; }  // bytes read so far

  // An upper bound of the bytes that are left, known without reading them; exact unless packed().
  virtual std::uint64_t most_left() const = 0;
  virtual bool packed() const { return false; }

  // Reads exactly `bytes` bytes; DataLoss says that `what` is truncated when there are fewer.
  void read(void* to, std::size_t bytes, const char* what);
  // Reads an unsigned integer of up to 8 bytes.
  std::uint64_t read_integer(std::size_t bytes, std::endian order, const char* what);
  // Reads and forgets.
  void skip(std::uint64_t bytes, const char* what);
  // DataLoss unless everything has been read.
  void expect_end();
  // Throws DataLoss "NAME: offset N: text".
  [[noreturn]] void fail_at(std::uint64_t offset, const std::string& text) const;
  [[noreturn]] void fail(const std::string& text) const { fail_at(offset_, text); }

 protected:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  // Delivers at least one byte and at most `bytes`, or 0 at the end of the data.
  virtual std::size_t read_some(void* to, std::size_t bytes) = 0;
  friend class ChecksumSource;

 private:
  std::string name_;
  std::uint64_t offset_ = 0;
};

// Bytes [begin, end) of a file.
std::unique_ptr<ByteSource> open_range(std::shared_ptr<const File> file, std::uint64_t begin, std::uint64_t end,
                                       std::string name);
std::unique_ptr<ByteSource> open_file(const std::string& path);

enum class Packing { kGzip, kDeflate };
// The unpacked bytes of a gzip file (one or more members, checksums verified) or of a raw deflate stream.
std::unique_ptr<ByteSource> open_packed(std::shared_ptr<const File> file, std::uint64_t begin, std::uint64_t end,
                                        Packing packing, std::string name);
// The file's bytes, unpacked when it begins like a gzip file.
std::unique_ptr<ByteSource> open_maybe_gzip(const std::string& path);

// The unpacked bytes must have this length and CRC-32, else DataLoss when the end is reached.
std::unique_ptr<ByteSource> with_checksum(std::unique_ptr<ByteSource> inner, std::uint64_t size, std::uint32_t crc);

// No deflate stream grows by more than this factor (RFC 1951: at best 258 bytes for two bits).
inline constexpr std::uint64_t kLargestDeflateFactor = 1032;

// Reads an array of `element_size` bytes per element, which must be all that is left, to fresh host memory. DataLoss for negative
// sizes, for sizes that overflow, and when more or fewer bytes are declared than are left; Unimplemented for a rank above
// Shape::kMaxRank. `header_at`: the offset of the header. Packed data is read into memory that grows as bytes arrive, so a short
// file that declares a huge array costs no more memory than it unpacks to.
Buffer read_last_array(ByteSource& source, std::uint64_t header_at, const std::vector<std::int64_t>& dims,
                       std::size_t element_size, const char* what);

}  // namespace gradus::io
