// Checkpoints: all variables of a session and the place in the data, so that a run that is killed and resumed computes
// the same bits as one that was not. One safetensors file per checkpoint, `checkpoint-STEP.safetensors`, written
// durably; a run killed while it saves leaves at most a temporary file, which loading ignores and the next save
// removes. One process at a time may write to a directory of checkpoints; any number may read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "gradus/core/tensor.h"

namespace gradus::io {

struct Checkpoint {
  static constexpr int kFormatVersion = 1;

  std::map<std::string, Tensor> tensors = {};     // variables, optimiser slots, moving averages by name
  std::int64_t step = 0;                          // training steps done
  std::int64_t epoch = 0;                         // passes over the data done
  std::int64_t position = 0;                      // batches done in this pass: resume with batched(n).skip(position)
  std::uint64_t seed = 0;                         // of the session and of shuffling
  std::map<std::string, std::string> notes = {};  // anything else, such as the model's name
};

struct CheckpointOptions {
  int keep = 3;  // older checkpoints are deleted once the new one is safe on the disk; at least 1
};

// Creates the directory (not its parents) if need be. Returns the path of the new file. Throws InvalidArgument
// (negative counters, keep < 1, an undefined tensor, "", no directory or one that cannot be used, or one that already holds
// a later step: another run's, which is neither deleted nor left to be mistaken for the latest), NotFound (no parent
// directory) or ResourceExhausted (disk full).
std::string save_checkpoint(const std::string& directory, const Checkpoint& checkpoint,
                            const CheckpointOptions& options = {});

// Throws NotFound; DataLoss when the file is damaged or is no checkpoint; Unimplemented when a newer format version
// wrote it.
Checkpoint load_checkpoint(const std::string& path);

// The checkpoint with the highest step, or nothing when the directory does not exist or holds none. A damaged newest
// file is DataLoss, never silently replaced by an older one; the text names the older one. A directory that cannot be
// listed, and "", is InvalidArgument.
std::optional<Checkpoint> load_latest_checkpoint(const std::string& directory);

}  // namespace gradus::io
