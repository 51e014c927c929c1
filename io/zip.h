// The part of the zip format (PKWARE's APPNOTE, version 6.3) that .npz archives use: stored and deflated members,
// CRC-32, no encryption, no spanning, sizes and counts below the zip64 limits. Not for users.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/core/atomic_file.h"
#include "gradus/io/byte_source.h"
#include "gradus/io/file.h"

namespace gradus::io {

struct ZipMember {
  std::string name;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t packed_size = 0;
  std::uint64_t size = 0;
  std::uint64_t header_offset = 0;
  std::string unsupported;  // why open() refuses it; empty when it does not
};

class ZipReader {
 public:
  // Checks the whole directory: DataLoss when malformed, Unimplemented for a zip64 directory.
  explicit ZipReader(const std::string& path);
  const std::vector<ZipMember>& members() const { return members_; }
  // Throws Unimplemented for a member that needs zip64, is encrypted, or is packed by another method than deflate.
  std::unique_ptr<ByteSource> open(const ZipMember& member) const;

 private:
  std::uint64_t find_end_record() const;
  void read_directory(std::uint64_t offset, std::uint64_t size, std::uint64_t count);
  std::string read_at(std::uint64_t offset, std::uint64_t bytes, const char* what) const;
  std::shared_ptr<const File> file_;
  std::vector<ZipMember> members_;
  std::uint64_t directory_offset_ = 0;
};

class ZipWriter {
 public:
  explicit ZipWriter(const std::string& path) : file_(path, Durability::kDurable) {}
  // Adds a member that holds `head` and then `bytes` bytes of `data`. Throws InvalidArgument beyond the zip64 limits.
  // The name must be UTF-8.
  void add(const std::string& name, std::string_view head, const void* data, std::size_t bytes, bool deflate);
  void finish();  // writes the directory and commits the file

 private:
  AtomicFile file_;
  std::string directory_;
  std::uint64_t count_ = 0;
};

}  // namespace gradus::io
