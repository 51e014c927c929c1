#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <vector>

#include "gradus/core/error.h"
#include "gradus/io/zip.h"

namespace gradus::io {
namespace {

constexpr std::uint64_t kLargest = 0xfffffffe;  // above this, zip64 would be needed

void put16(std::string* to, std::uint64_t value) {
  to->push_back(static_cast<char>(value & 0xff));
  to->push_back(static_cast<char>(value >> 8 & 0xff));
}
void put32(std::string* to, std::uint64_t value) {
  put16(to, value & 0xffff);
  put16(to, value >> 16);
}

// zlib counts in 32 bits, so large memory is handed over in pieces.
template <class F>
void for_each_piece(std::string_view head, const void* data, std::size_t bytes, F&& f) {
  f(reinterpret_cast<const Bytef*>(head.data()), head.size());
  const Bytef* from = static_cast<const Bytef*>(data);
  while (bytes > 0) {
    const std::size_t piece = std::min(bytes, std::size_t{1} << 30);
    f(from, piece);
    from += piece;
    bytes -= piece;
  }
}

std::string deflate_all(std::string_view head, const void* data, std::size_t bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error(Code::kResourceExhausted, "zlib cannot start packing");
  }
  std::string packed;
  std::vector<Bytef> chunk(65536);
  const auto pump = [&](int flush) {
    do {
      stream.next_out = chunk.data();
      stream.avail_out = static_cast<uInt>(chunk.size());
      deflate(&stream, flush);
      packed.append(reinterpret_cast<const char*>(chunk.data()), chunk.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  };
  for_each_piece(head, data, bytes, [&](const Bytef* from, std::size_t size) {
    stream.next_in = const_cast<Bytef*>(from);
    stream.avail_in = static_cast<uInt>(size);
    pump(Z_NO_FLUSH);
  });
  pump(Z_FINISH);
  deflateEnd(&stream);
  return packed;
}

}  // namespace

void ZipWriter::add(const std::string& name, std::string_view head, const void* data, std::size_t bytes, bool deflate) {
  uLong crc = 0;
  for_each_piece(head, data, bytes,
                 [&](const Bytef* from, std::size_t size) { crc = crc32(crc, from, static_cast<uInt>(size)); });
  const std::uint64_t size = head.size() + bytes;
  const std::string packed = deflate ? deflate_all(head, data, bytes) : std::string();
  const std::uint64_t packed_size = deflate ? packed.size() : size;
  const std::uint64_t header_offset = file_.offset();
  if (name.empty() || name.size() > 65535) {
    throw invalid_argument(
        fmt::format("{}: a zip member's name must have 1 to 65535 bytes; got {}", file_.path(), name.size()));
  }
  if (std::max({size, packed_size, header_offset + packed_size + directory_.size() + 65536}) > kLargest ||
      count_ >= 65534) {
    throw invalid_argument(
        fmt::format("{}: member '{}' would take the archive beyond 4 GiB or 65534 members; "
                    "safetensors files have no such limit",
                    file_.path(), printable(name)));
  }
  const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return c > 0; });

  std::string common;                   // the fields that the local and the directory's record share
  put16(&common, 20);                   // version that can unpack it: 2.0
  put16(&common, ascii ? 0 : 1 << 11);  // the name is UTF-8
  put16(&common, deflate ? 8 : 0);
  put32(&common, 0x00210000);  // 1 January 1980: equal contents make equal files
  put32(&common, crc);
  put32(&common, packed_size);
  put32(&common, size);
  put16(&common, name.size());
  put16(&common, 0);  // no extra field

  file_.write("PK\3\4" + common + name);
  if (deflate) {
    file_.write(packed);
  } else {
    file_.write(head);
    file_.write(data, bytes);
  }

  directory_ += "PK\1\2";
  put16(&directory_, 3 << 8 | 20);  // made on a Unix system
  directory_ += common;
  put16(&directory_, 0);  // no comment
  put16(&directory_, 0);  // first disk
  put16(&directory_, 0);  // internal attributes
  put32(&directory_, std::uint64_t{0100644} << 16);
  put32(&directory_, header_offset);
  directory_ += name;
  ++count_;
}

void ZipWriter::finish() {
  std::string end = "PK\5\6";
  put32(&end, 0);  // this is the only disk
  put16(&end, count_);
  put16(&end, count_);
  put32(&end, directory_.size());
  put32(&end, file_.offset());
  put16(&end, 0);  // no comment
  file_.write(directory_);
  file_.write(end);
  file_.commit();
}

}  // namespace gradus::io
