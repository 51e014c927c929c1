#include "gradus/io/checkpoint.h"

#include <sys/wait.h>

#include "gradus/io/file.h"
#include "gradus/io/safetensors.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::expect_error;
using io_test::FileSizeLimit;
using io_test::TemporaryDirectory;
using io_test::write_file;

Checkpoint make(std::int64_t step) {
  Checkpoint checkpoint;
  checkpoint.tensors = {{"w", Tensor::full(DType::kFloat32, {3}, static_cast<double>(step))},
                        {"w/momentum", Tensor::scalar(0.5F)}};
  checkpoint.step = step;
  checkpoint.epoch = 2;
  checkpoint.position = 17;
  checkpoint.seed = 18446744073709551615U;
  checkpoint.notes = {{"model", "lenet5"}, {"step", "a note may be called like a counter"}};
  return checkpoint;
}

TEST(CheckpointTest, GivesBackEverything) {
  const TemporaryDirectory directory;
  const std::string path = save_checkpoint(directory.file("run"), make(40));
  EXPECT_EQ(path, directory.file("run/checkpoint-0000000040.safetensors"));
  const auto loaded = load_latest_checkpoint(directory.file("run"));
  ASSERT_TRUE(loaded.has_value());
  const Checkpoint saved = make(40);
  ASSERT_EQ(loaded->tensors.size(), saved.tensors.size());
  for (const auto& [name, tensor] : saved.tensors) EXPECT_TRUE(bit_equal(loaded->tensors.at(name), tensor)) << name;
  EXPECT_EQ(loaded->step, 40);
  EXPECT_EQ(loaded->epoch, 2);
  EXPECT_EQ(loaded->position, 17);
  EXPECT_EQ(loaded->seed, saved.seed);
  EXPECT_EQ(loaded->notes, saved.notes);
}

TEST(CheckpointTest, NothingThereIsNotAnError) {
  const TemporaryDirectory directory;
  EXPECT_FALSE(load_latest_checkpoint(directory.path()).has_value());
  EXPECT_FALSE(load_latest_checkpoint(directory.file("none")).has_value());
}

TEST(CheckpointTest, KeepsTheLastAndIgnoresOtherFiles) {
  const TemporaryDirectory directory;
  write_file(directory.file("notes.txt"), "mine");
  write_file(directory.file("checkpoint-best.safetensors"), "mine too");
  for (std::int64_t step : {5, 10, 100, 1000}) save_checkpoint(directory.path(), make(step), {.keep = 2});
  EXPECT_EQ(directory.names(),
            (std::vector<std::string>{"checkpoint-0000000100.safetensors", "checkpoint-0000001000.safetensors",
                                      "checkpoint-best.safetensors", "notes.txt"}));
  save_checkpoint(directory.path(), make(1000), {.keep = 1});
  EXPECT_EQ(load_latest_checkpoint(directory.path())->step, 1000);
  EXPECT_EQ(directory.names().size(), 3U);
}

TEST(CheckpointTest, AnotherRunsLaterCheckpointIsNeitherDeletedNorMistaken) {
  const TemporaryDirectory directory;
  save_checkpoint(directory.path(), make(500));
  expect_error(Code::kInvalidArgument, {"checkpoint-0000000500", "later step than the 10", "another directory"},
               [&] { save_checkpoint(directory.path(), make(10)); });
  EXPECT_EQ(directory.names().size(), 1U);
}

TEST(CheckpointTest, ALeftoverOfAKilledSaveIsIgnoredAndCleaned) {
  const TemporaryDirectory directory;
  save_checkpoint(directory.path(), make(1));
  // A child dies in the middle of writing the next checkpoint.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    AtomicFile file(directory.file("checkpoint-0000000002.safetensors"));
    file.write("half a check");
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(directory.names().size(), 2U) << "the temporary file should be there";
  EXPECT_EQ(load_latest_checkpoint(directory.path())->step, 1);
  save_checkpoint(directory.path(), make(3));
  EXPECT_EQ(directory.names(),
            (std::vector<std::string>{"checkpoint-0000000001.safetensors", "checkpoint-0000000003.safetensors"}));
}

TEST(CheckpointTest, ADamagedNewestIsReportedAndTheOlderNamed) {
  const TemporaryDirectory directory;
  save_checkpoint(directory.path(), make(1));
  const std::string path = save_checkpoint(directory.path(), make(2));
  const std::string content = io_test::read_file(path);
  write_file(path, content.substr(0, content.size() - 1));
  expect_error(Code::kDataLoss, {path, "offset", "checkpoint-0000000001.safetensors"},
               [&] { load_latest_checkpoint(directory.path()); });
}

TEST(CheckpointTest, WhatCannotBeListedIsNotTakenForEmpty) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("file");
  write_file(file, "not a directory");
  expect_error(Code::kInvalidArgument, {file, "cannot be listed"}, [&] { load_latest_checkpoint(file); });
  expect_error(Code::kInvalidArgument, {file, "cannot be listed"}, [&] { save_checkpoint(file, make(1)); });
  expect_error(Code::kNotFound, {"no directory"}, [&] { save_checkpoint(directory.file("no/run"), make(1)); });
}

TEST(CheckpointTest, LeftoversAreRemovedEvenWhenTheDiskIsFull) {
  const TemporaryDirectory directory;
  const std::string first = save_checkpoint(directory.path(), make(1));
  write_file(directory.file("checkpoint-0000000002.safetensors.gradus-tmp-1-0"), "half a check");
  {
    const FileSizeLimit limit(1000);
    Checkpoint large = make(3);
    large.tensors["large"] = Tensor::zeros(DType::kFloat32, {1000});
    expect_error(Code::kResourceExhausted, {"checkpoint-0000000003.safetensors", "offset 1000", "writing failed"},
                 [&] { save_checkpoint(directory.path(), large); });
  }
  EXPECT_EQ(directory.names(), (std::vector<std::string>{"checkpoint-0000000001.safetensors"}));
  EXPECT_EQ(load_latest_checkpoint(directory.path())->step, 1);
}

TEST(CheckpointTest, RefusesWhatIsNoCheckpoint) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("a.safetensors");
  std::map<std::string, std::string> metadata = {{"format", "gradus-checkpoint"},
                                                 {"format_version", "1"},
                                                 {"step", "1"},
                                                 {"epoch", "0"},
                                                 {"position", "0"},
                                                 {"seed", "1"}};
  const auto with = [&](const std::string& key, const std::string& value) {
    auto changed = metadata;
    changed[key] = value;
    save_safetensors(path, {}, changed);
  };
  save_safetensors(path, {}, metadata);
  EXPECT_EQ(load_checkpoint(path).step, 1);
  with("format", "weights");
  expect_error(Code::kDataLoss, {path, "offset 8", "not a checkpoint"}, [&] { load_checkpoint(path); });
  for (const char* bad : {"", "-1", "1x", "1.5", "99999999999999999999"}) {
    with("step", bad);
    expect_error(Code::kDataLoss, {path, "'step'"}, [&] { load_checkpoint(path); });
  }
  with("seed", "-1");
  expect_error(Code::kDataLoss, {path, "'seed'"}, [&] { load_checkpoint(path); });
  with("format_version", "2");
  expect_error(Code::kUnimplemented, {path, "version 2", "up to 1"}, [&] { load_checkpoint(path); });
  expect_error(Code::kNotFound, {"none"}, [&] { load_checkpoint(directory.file("none")); });
  Checkpoint negative = make(1);
  negative.position = -1;
  expect_error(Code::kInvalidArgument, {"position -1"}, [&] { save_checkpoint(directory.path(), negative); });
  expect_error(Code::kInvalidArgument, {"keep (0)"}, [&] { save_checkpoint(directory.path(), make(1), {.keep = 0}); });
}

}  // namespace
}  // namespace gradus::io
