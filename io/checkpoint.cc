#include "gradus/io/checkpoint.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <system_error>
#include <vector>

#include "gradus/io/file.h"
#include "gradus/io/safetensors.h"

namespace gradus::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kSuffix = ".safetensors";
constexpr const char* kFormat = "gradus-checkpoint";
constexpr const char* kNotePrefix = "note.";

template <class T>
bool parse_number(std::string_view text, T* value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), *value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() && !text.empty();
}

struct Listing {
  std::map<std::int64_t, std::string> checkpoints;  // file names by step
  std::vector<std::string> leftovers;               // of saves that were killed
};

void check_directory(const std::string& directory) {
  if (directory.empty()) throw invalid_argument("the directory of checkpoints is \"\"; \".\" is the current one");
}

// Of a directory that does not exist: nothing. Throws InvalidArgument when it cannot be listed, since that is no reason
// to begin anew.
Listing list(const std::string& directory) {
  Listing listing;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const std::string_view rest = std::string_view(name).substr(kPrefix.size());
    std::int64_t step = 0;
    if (is_temporary_name(name)) {
      listing.leftovers.push_back(name);
    } else if (rest.ends_with(kSuffix) && parse_number(rest.substr(0, rest.size() - kSuffix.size()), &step)) {
      listing.checkpoints[step] = name;
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw invalid_argument(fmt::format("{}: cannot be listed: {}", directory, error.message()));
  }
  return listing;
}

std::int64_t counter(const std::string& path, const std::map<std::string, std::string>& metadata, const char* key) {
  const auto found = metadata.find(key);
  std::int64_t value = 0;
  if (found == metadata.end() || !parse_number(found->second, &value) || value < 0) {
    throw data_loss(fmt::format("{}: offset 8: metadata '{}' is missing or not a count", path, key));
  }
  return value;
}

}  // namespace

std::string save_checkpoint(const std::string& directory, const Checkpoint& checkpoint,
                            const CheckpointOptions& options) {
  if (checkpoint.step < 0 || checkpoint.epoch < 0 || checkpoint.position < 0 || options.keep < 1) {
    throw invalid_argument(
        fmt::format("{}: step {}, epoch {} and position {} must not be negative, and keep ({}) be at least 1",
                    directory, checkpoint.step, checkpoint.epoch, checkpoint.position, options.keep));
  }
  check_directory(directory);
  std::error_code error;
  if (fs::create_directory(directory, error)) {  // when that fails, writing below says why
    sync_directory(fs::path(directory) / "..");
  }
  Listing listing = list(directory);
  if (!listing.checkpoints.empty() && listing.checkpoints.rbegin()->first > checkpoint.step) {
    throw invalid_argument(
        fmt::format("{}: holds {}, of a later step than the {} to be saved; resume from it, or use another "
                    "directory",
                    directory, listing.checkpoints.rbegin()->second, checkpoint.step));
  }

  std::map<std::string, std::string> metadata = {{"format", kFormat},
                                                 {"format_version", std::to_string(Checkpoint::kFormatVersion)},
                                                 {"step", std::to_string(checkpoint.step)},
                                                 {"epoch", std::to_string(checkpoint.epoch)},
                                                 {"position", std::to_string(checkpoint.position)},
                                                 {"seed", std::to_string(checkpoint.seed)}};
  for (const auto& [key, value] : checkpoint.notes) metadata[kNotePrefix + key] = value;
  std::string path = join_path(directory, fmt::format("{}{:010}{}", kPrefix, checkpoint.step, kSuffix));
  // Leftovers first: they may be what fills the disk.
  for (const std::string& name : listing.leftovers) fs::remove(join_path(directory, name), error);
  save_safetensors(path, checkpoint.tensors, metadata);

  listing.checkpoints.erase(checkpoint.step);
  while (listing.checkpoints.size() >= static_cast<std::size_t>(options.keep)) {
    fs::remove(join_path(directory, listing.checkpoints.begin()->second), error);
    listing.checkpoints.erase(listing.checkpoints.begin());
  }
  return path;
}

Checkpoint load_checkpoint(const std::string& path) {
  SafeTensors file = load_safetensors(path);
  if (file.metadata["format"] != kFormat) {
    throw data_loss(fmt::format("{}: offset 8: not a checkpoint (no metadata 'format' = '{}')", path, kFormat));
  }
  const std::int64_t version = counter(path, file.metadata, "format_version");
  if (version > Checkpoint::kFormatVersion) {
    throw unimplemented(fmt::format("{}: offset 8: written by format version {}; this library reads up to {}", path,
                                    version, Checkpoint::kFormatVersion));
  }
  Checkpoint checkpoint;
  checkpoint.step = counter(path, file.metadata, "step");
  checkpoint.epoch = counter(path, file.metadata, "epoch");
  checkpoint.position = counter(path, file.metadata, "position");
  if (!parse_number(file.metadata["seed"], &checkpoint.seed)) {
    throw data_loss(fmt::format("{}: offset 8: metadata 'seed' is missing or not a number", path));
  }
  for (const auto& [key, value] : file.metadata) {
    if (key.starts_with(kNotePrefix)) checkpoint.notes[key.substr(std::string_view(kNotePrefix).size())] = value;
  }
  checkpoint.tensors = std::move(file.tensors);
  return checkpoint;
}

std::optional<Checkpoint> load_latest_checkpoint(const std::string& directory) {
  check_directory(directory);
  const Listing listing = list(directory);
  if (listing.checkpoints.empty()) return std::nullopt;
  const auto latest = listing.checkpoints.rbegin();
  try {
    return load_checkpoint(join_path(directory, latest->second));
  } catch (const Error& error) {
    const auto older = std::next(latest);
    if (error.code() != Code::kDataLoss || older == listing.checkpoints.rend()) throw;
    throw data_loss(fmt::format("{} (the checkpoint before it is {}; delete the damaged one to resume from there)",
                                error.what(), older->second));
  }
}

}  // namespace gradus::io
