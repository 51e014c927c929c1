// Files as the readers and writers of this room need them: reads at a position, and writes that either happen or do
// not. Not for users; they call load_npy(), load_safetensors(), load_mnist() and so on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::io {

// A regular file opened for reading. Many threads may read at once.
class File {
 public:
  // Throws NotFound when there is no such file, InvalidArgument when it is a directory or cannot be read.
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

enum class Durability {
  kAtomic,   // readers see the old file or the new one, never a part
  kDurable,  // and it survives a power failure once commit() has returned
};

// Writes `path` by way of a temporary file in the same directory, which commit() renames; without commit() nothing
// remains. A process killed in between leaves a file for which is_temporary_name() is true.
class AtomicFile {
 public:
  // Throws NotFound when the directory does not exist, InvalidArgument when it cannot be written to or when `path` is
  // something else than a regular file: renaming would replace a device such as /dev/null.
  explicit AtomicFile(const std::string& path, Durability durability = Durability::kAtomic);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Both throw ResourceExhausted when the disk is full, InvalidArgument for any other failure of the system.
  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();
  std::uint64_t offset() const { return offset_; }

 private:
  [[noreturn]] void fail(const char* what, int error) const;
  std::string path_;
  std::string temporary_;
  Durability durability_;
  int descriptor_ = -1;
  std::uint64_t offset_ = 0;
};

// True for the names that AtomicFile gives to unfinished files.
bool is_temporary_name(std::string_view file_name);

bool file_exists(const std::string& path);
// Makes what was created, renamed or removed in the directory survive a power failure. Throws InvalidArgument.
void sync_directory(const std::string& directory);
// "dir/name"
std::string join_path(const std::string& directory, std::string_view name);

}  // namespace gradus::io
