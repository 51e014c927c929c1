// Files as the readers of this room need them: reads at a position. (Writers use core/atomic_file.h.) Not for users; they call
// load_npy(), load_safetensors(), load_mnist() and so on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/core/atomic_file.h"

namespace gradus::io {

using gradus::AtomicFile;
using gradus::Durability;

// A regular file opened for reading. Many threads may read at once.
class File {
 public:
  // Throws NotFound when there is no such file, InvalidArgument for an empty path, a directory, or what cannot be read.
  static std::shared_ptr<const File> open(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  // Reads up to `bytes` bytes at `offset`; fewer only at the end of the file. Throws DataLoss when the device fails.
  std::size_t read_at(std::uint64_t offset, void* to, std::size_t bytes) const;
  // Throws DataLoss "PATH: offset N: text".
  [[noreturn]] void fail(std::uint64_t offset, const std::string& text) const;

 private:
  File(std::string path, int descriptor, std::uint64_t size);
  std::string path_;
  int descriptor_;
  std::uint64_t size_;
};

bool file_exists(const std::string& path);
// "dir/name"
std::string join_path(const std::string& directory, std::string_view name);

}  // namespace gradus::io
