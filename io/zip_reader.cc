#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "gradus/core/error.h"
#include "gradus/io/zip.h"

namespace gradus::io {
namespace {

constexpr std::uint64_t kEndRecord = 22;      // bytes, without the comment
constexpr std::uint64_t kCentralRecord = 46;  // without name, extra field and comment
constexpr std::uint64_t kLocalRecord = 30;    // without name and extra field
constexpr std::uint32_t kZip64 = 0xffffffff;  // "look into the zip64 record"

std::uint32_t get16(const std::string& bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]) | static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + 1]))
                                                     << 8;
}
std::uint32_t get32(const std::string& bytes, std::size_t at) { return get16(bytes, at) | get16(bytes, at + 2) << 16; }

bool has_signature(const std::string& bytes, std::size_t at, std::string_view signature) {
  return std::string_view(bytes).substr(at, 4) == signature;
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
    if (!member.unsupported.empty()) {
      members_.push_back(std::move(member));
      at += record;
      continue;
    }
    if (!member.deflated && member.size != member.packed_size) {
      file_->fail(here, fmt::format("member '{}' is stored, but its sizes {} and {} differ", printable(member.name),
                                    member.packed_size, member.size));
    }
    if (member.size > (member.packed_size + 1) * kLargestDeflateFactor) {
      file_->fail(here, fmt::format("member '{}' cannot unpack from {} to {} bytes", printable(member.name),
                                    member.packed_size, member.size));
    }
    members_.push_back(std::move(member));
    at += record;
  }
  if (at != directory.size()) file_->fail(offset + at, "bytes follow the last directory entry");

  // Members that share bytes are how small archives unpack to huge ones.
  std::vector<ZipMember> sorted;
  for (const ZipMember& member : members_) {
    if (member.unsupported.empty()) sorted.push_back(member);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const ZipMember& a, const ZipMember& b) { return a.header_offset < b.header_offset; });
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

}  // namespace gradus::io
