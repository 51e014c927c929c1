#include "gradus/io/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "gradus/core/error.h"

namespace gradus::io {

std::shared_ptr<const File> File::open(const std::string& path) {
  check_path(path);
  const int descriptor =
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // non-blocking: do not wait on a FIFO
  if (descriptor < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) throw not_found(fmt::format("{}: no such file", path));
    throw invalid_argument(fmt::format("{}: cannot be opened: {}", path, std::strerror(error)));
  }
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    throw invalid_argument(fmt::format("{}: is not a regular file", path));
  }
  return std::shared_ptr<const File>(new File(path, descriptor, static_cast<std::uint64_t>(status.st_size)));
}

File::File(std::string path, int descriptor, std::uint64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

File::~File() { ::close(descriptor_); }

std::size_t File::read_at(std::uint64_t offset, void* to, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got =
        ::pread(descriptor_, static_cast<char*>(to) + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(offset + done, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void File::fail(std::uint64_t offset, const std::string& text) const {
  throw data_loss(fmt::format("{}: offset {}: {}", path_, offset, text));
}

bool file_exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string join_path(const std::string& directory, std::string_view name) {
  std::string path = directory.empty() ? "." : directory;
  if (path.back() != '/') path += '/';
  return path.append(name);
}

}  // namespace gradus::io
