// Files that are written wholly or not at all. All that the library writes goes through this: every write is checked, and a file
// that is replaced keeps its old content until the new one is complete.
#pragma once

#include "gradus/core/language.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus {

enum class Durability {
  kAtomic,   // readers see the old file or the new one, never a part
  kDurable,  // and it survives a power failure once commit() has returned
};

// Writes `path` by way of a temporary file in the same directory, which commit() renames; without commit() nothing
// remains. A process killed in between leaves a file for which is_temporary_name() is true. When `path` is a symbolic link, the
// file that it leads to is written (and made when it is missing) and the link stays. A file that is replaced hands its
// permissions on. One thread at a time.
class AtomicFile {
 public:
  // Throws NotFound when the directory does not exist, InvalidArgument for an empty path, a file or directory that cannot be
  // written to, and for something else than a regular file: renaming would replace a device such as /dev/null.
  explicit AtomicFile(const std::string& path, Durability durability = Durability::kAtomic);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Both throw ResourceExhausted when the disk is full, InvalidArgument for any other failure of the system.
  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();
  const std::string& path() const { return path_; }
  std::uint64_t offset() const { return offset_; }

 private:
  [[noreturn]] void fail(const char* what, int error) const;
  std::string path_;    // as the caller wrote it, for messages
  std::string target_;  // without symbolic links at its end
  std::string temporary_;
  Durability durability_;
  int descriptor_ = -1;
  std::uint64_t offset_ = 0;
};

// True for the names that AtomicFile gives to unfinished files.
bool is_temporary_name(std::string_view file_name);
// Where `path` leads when it is a symbolic link, over several links if need be; the file itself need not exist. Throws
// InvalidArgument for links in a circle.
std::string follow_links(const std::string& path);
// Throws InvalidArgument for a path that no file can have: "", or one with a zero byte, which the system would cut there.
void check_path(const std::string& path);
// Makes what was created, renamed or removed in the directory survive a power failure. Throws InvalidArgument.
void sync_directory(const std::string& directory);

}  // namespace gradus
