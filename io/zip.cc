#include "gradus/io/zip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <set>

#include "gradus/core/error.h"

namespace gradus::io {
namespace {

constexpr std::uint64_t kEndRecord = 22;        // bytes, without the comment
constexpr std::uint64_t kCentralRecord = 46;    // without name, extra field and comment
constexpr std::uint64_t kLocalRecord = 30;      // without name and extra field
constexpr std::uint32_t kZip64 = 0xffffffff;    // "look into the zip64 record"
constexpr std::uint64_t kLargest = 0xfffffffe;  // above this, zip64 would be needed

std::uint32_t get16(const std::string& bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]) | static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + 1]))
                                                     << 8;
}
std::uint32_t get32(const std::string& bytes, std::size_t at) { return get16(bytes, at) | get16(bytes, at + 2) << 16; }

bool has_signature(const std::string& bytes, std::size_t at, std::string_view signature) {
  return std::string_view(bytes).substr(at, 4) == signature;
}

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

std::string ZipReader::read_at(std::uint64_t offset, std::uint64_t bytes, const char* what) const {
  if (offset > file_->size() || bytes > file_->size() - offset) {
    file_->fail(offset, fmt::format("truncated: {} needs {} bytes, the file ends at {}", what, bytes, file_->size()));
  }
  std::string text(static_cast<std::size_t>(bytes), '\0');
  if (file_->read_at(offset, text.data(), text.size()) != text.size())
    file_->fail(offset, "the file shrank while it was read");
  return text;
}

std::uint64_t ZipReader::find_end_record() const {
  // The record ends the file; only a comment of up to 65535 bytes, whose length it states, may follow.
  const std::uint64_t size = file_->size();
  const std::uint64_t tail_size = std::min<std::uint64_t>(size, kEndRecord + 65535);
  const std::string tail = read_at(size - tail_size, tail_size, "the end of the archive");
  for (std::size_t at = tail.size() < kEndRecord ? 0 : tail.size() - kEndRecord + 1; at-- > 0;) {
    if (has_signature(tail, at, "PK\5\6") && at + kEndRecord + get16(tail, at + 20) == tail.size()) {
      return size - tail_size + at;
    }
  }
  file_->fail(size, "not a zip archive, or truncated: it does not end with an end-of-directory record");
}

ZipReader::ZipReader(const std::string& path) : file_(File::open(path)) {
  const std::uint64_t end_offset = find_end_record();
  const std::string end = read_at(end_offset, kEndRecord, "the end record");
  const std::uint32_t count = get16(end, 10);
  const std::uint32_t size = get32(end, 12);
  const std::uint32_t offset = get32(end, 16);
  if (count == 0xffff || size == kZip64 || offset == kZip64) {
    throw unimplemented(fmt::format("{}: offset {}: zip64 archives are not supported", path, end_offset));
  }
  if (get16(end, 4) != 0 || get16(end, 6) != 0 || get16(end, 8) != count) {
    file_->fail(end_offset, "the archive is split over several files, or its end record is corrupt");
  }
  if (std::uint64_t{offset} + size != end_offset) {
    file_->fail(end_offset, fmt::format("the directory should be {} bytes at {} and end here", size, offset));
  }
  directory_offset_ = offset;
  read_directory(offset, size, count);
}

void ZipReader::read_directory(std::uint64_t offset, std::uint64_t size, std::uint64_t count) {
  const std::string directory = read_at(offset, size, "the directory");
  std::set<std::string> names;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t here = offset + at;
    if (directory.size() - at < kCentralRecord || !has_signature(directory, at, "PK\1\2")) {
      file_->fail(here, fmt::format("the directory entry of member {} of {} is missing or corrupt", i, count));
    }
    const std::uint32_t flags = get16(directory, at + 8);
    const std::uint32_t method = get16(directory, at + 10);
    const std::size_t name_size = get16(directory, at + 28);
    const std::size_t record = kCentralRecord + name_size + get16(directory, at + 30) + get16(directory, at + 32);
    if (directory.size() - at < record)
      file_->fail(here, fmt::format("the directory entry of member {} is truncated", i));
    ZipMember member;
    member.name = directory.substr(at + kCentralRecord, name_size);
    member.deflated = method == 8;
    member.crc = get32(directory, at + 16);
    member.packed_size = get32(directory, at + 20);
    member.size = get32(directory, at + 24);
    member.header_offset = get32(directory, at + 42);
    // Not thrown yet: the archive's other members can be read all the same.
    if (member.packed_size == kZip64 || member.size == kZip64 || member.header_offset == kZip64) {
      member.unsupported =
          fmt::format("offset {}: member '{}' needs zip64, which is not supported", here, printable(member.name));
    } else if ((flags & 1) != 0 || (method != 0 && method != 8)) {
      member.unsupported = fmt::format(
          "offset {}: member '{}' is encrypted or packed by method {}; stored and deflated members are supported", here,
          printable(member.name), method);
    }
    if (!names.insert(member.name).second)
      file_->fail(here, fmt::format("two members have the name '{}'", printable(member.name)));
    const bool readable = member.unsupported.empty();
    if (readable && !member.deflated && member.size != member.packed_size) {
      file_->fail(here, fmt::format("member '{}' is stored, but its sizes {} and {} differ", printable(member.name),
                                    member.packed_size, member.size));
    }
    if (readable && member.size > (member.packed_size + 1) * kLargestDeflateFactor) {
      file_->fail(here, fmt::format("member '{}' cannot unpack from {} to {} bytes", printable(member.name),
                                    member.packed_size, member.size));
    }
    members_.push_back(std::move(member));
    at += record;
  }
  if (at != directory.size()) file_->fail(offset + at, "bytes follow the last directory entry");

  // Members that share bytes are how small archives unpack to huge ones.
  std::vector<ZipMember> sorted;
  std::ranges::copy_if(members_, std::back_inserter(sorted), &std::string::empty, &ZipMember::unsupported);
  std::ranges::sort(sorted, {}, &ZipMember::header_offset);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::uint64_t limit = i + 1 < sorted.size() ? sorted[i + 1].header_offset : offset;
    const std::uint64_t least = kLocalRecord + sorted[i].name.size() + sorted[i].packed_size;
    if (sorted[i].header_offset > limit || least > limit - sorted[i].header_offset) {
      file_->fail(sorted[i].header_offset,
                  fmt::format("member '{}' reaches into what follows it", printable(sorted[i].name)));
    }
  }
}

std::unique_ptr<ByteSource> ZipReader::open(const ZipMember& member) const {
  if (!member.unsupported.empty()) throw unimplemented(fmt::format("{}: {}", file_->path(), member.unsupported));
  const std::string local = read_at(member.header_offset, kLocalRecord, "a member's header");
  const std::size_t name_size = get16(local, 26);
  const std::uint64_t begin = member.header_offset + kLocalRecord + name_size + get16(local, 28);
  // NumPy writes all-ones sizes here and the real ones in a zip64 field; only the directory's sizes count.
  if (!has_signature(local, 0, "PK\3\4") || get16(local, 8) != (member.deflated ? 8u : 0u) ||
      read_at(member.header_offset + kLocalRecord, name_size, "a member's name") != member.name) {
    file_->fail(member.header_offset,
                fmt::format("the header of member '{}' contradicts the directory", printable(member.name)));
  }
  if (begin > directory_offset_ || member.packed_size > directory_offset_ - begin) {
    file_->fail(begin, fmt::format("member '{}' reaches into the directory", printable(member.name)));
  }
  const std::string name = fmt::format("{}({})", file_->path(), printable(member.name));
  const std::uint64_t end = begin + member.packed_size;
  auto inner =
      member.deflated ? open_packed(file_, begin, end, Packing::kDeflate, name) : open_range(file_, begin, end, name);
  return with_checksum(std::move(inner), member.size, member.crc);
}

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
