// Writing a file by way of a temporary one.
#include "gradus/io/file.h"

#include <sys/stat.h>

#include "gradus/core/printable.h"
#include "gradus/io/checkpoint.h"
#include "gradus/io/npy.h"
#include "gradus/io/safetensors.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::expect_error;
using io_test::TemporaryDirectory;
using io_test::write_file;

TEST(AtomicFileTest, TheOldContentStaysUntilCommit) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("a");
  write_file(path, "old");
  {
    AtomicFile file(path);
    file.write("never finished");
    EXPECT_EQ(io_test::read_file(path), "old");
    EXPECT_EQ(directory.names().size(), 2U);
    EXPECT_TRUE(is_temporary_name(directory.names().at(1)));
  }
  EXPECT_EQ(directory.names(), std::vector<std::string>{"a"});
  for (const Durability durability : {Durability::kAtomic, Durability::kDurable}) {
    AtomicFile file(path, durability);
    file.write("new");
    file.commit();
    EXPECT_EQ(io_test::read_file(path), "new");
  }
  EXPECT_EQ(directory.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFileTest, AFullDiskKeepsTheOldContent) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("a.npy");
  save_npy(path, Tensor::scalar(1.0F));
  {
    const io_test::FileSizeLimit limit(1000);
    expect_error(Code::kResourceExhausted, {path, "offset 1000", "writing failed"},
                 [&] { save_npy(path, Tensor::zeros(DType::kFloat32, {1000})); });
  }
  EXPECT_EQ(load_npy(path).item<float>(), 1.0F);
  EXPECT_EQ(directory.names(), std::vector<std::string>{"a.npy"});
}

TEST(AtomicFileTest, NeverReplacesWhatIsNoRegularFile) {
  const TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  expect_error(Code::kInvalidArgument, {fifo, "not a regular file"}, [&] { save_npy(fifo, Tensor::scalar(1)); });
  EXPECT_TRUE(std::filesystem::is_fifo(fifo));
  expect_error(Code::kInvalidArgument, {"not a regular file"}, [&] { save_npy(directory.path(), Tensor::scalar(1)); });
  EXPECT_EQ(directory.names(), std::vector<std::string>{"fifo"});
}

// Every writer, through the same file: a link stays a link, and what it leads to is written.
TEST(AtomicFileTest, FollowsSymbolicLinks) {
  namespace fs = std::filesystem;
  const TemporaryDirectory directory;
  fs::create_directory(directory.file("elsewhere"));
  save_npy(directory.file("elsewhere/a.npy"), Tensor::scalar(1.0F));
  fs::create_symlink("elsewhere/a.npy", directory.file("relative.npy"));
  fs::create_symlink(directory.file("relative.npy"), directory.file("twice.npy"));
  fs::create_symlink("elsewhere/new.npy", directory.file("dangling.npy"));
  save_npy(directory.file("twice.npy"), Tensor::scalar(2.0F));
  EXPECT_EQ(load_npy(directory.file("elsewhere/a.npy")).item<float>(), 2.0F);
  save_npy(directory.file("dangling.npy"), Tensor::scalar(3.0F));
  EXPECT_EQ(load_npy(directory.file("elsewhere/new.npy")).item<float>(), 3.0F);
  for (const char* link : {"relative.npy", "twice.npy", "dangling.npy"})
    EXPECT_TRUE(fs::is_symlink(directory.file(link))) << link;
  EXPECT_EQ(directory.names(), (std::vector<std::string>{"dangling.npy", "elsewhere", "relative.npy", "twice.npy"}));

  fs::create_symlink("circle.npy", directory.file("circle.npy"));
  expect_error(Code::kInvalidArgument, {directory.file("circle.npy"), "circle"},
               [&] { save_npy(directory.file("circle.npy"), Tensor::scalar(1)); });
  fs::create_symlink("no/a.npy", directory.file("astray.npy"));
  expect_error(Code::kNotFound, {directory.file("astray.npy"), "no directory"},
               [&] { save_npy(directory.file("astray.npy"), Tensor::scalar(1)); });
}

TEST(AtomicFileTest, AFileThatIsReplacedKeepsItsPermissions) {
  namespace fs = std::filesystem;
  const TemporaryDirectory directory;
  const std::string path = directory.file("a.npy");
  save_npy(path, Tensor::scalar(1.0F));
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  save_npy(path, Tensor::scalar(2.0F));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

// Renaming needs no permission for the file itself, but who made it read-only did not want it replaced.
TEST(AtomicFileTest, AFileThatIsReadOnlyIsNotReplaced) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write to what is read-only";
  const TemporaryDirectory directory;
  const std::string path = directory.file("a.npy");
  save_npy(path, Tensor::scalar(2.0F));
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  expect_error(Code::kInvalidArgument, {path, "cannot be written"}, [&] { save_npy(path, Tensor::scalar(3.0F)); });
  EXPECT_EQ(load_npy(path).item<float>(), 2.0F);
}

TEST(AtomicFileTest, PathsThatNoFileHasAreNamedAsSuch) {
  const Tensor tensor = Tensor::scalar(1.0F);
  const std::string zero("a\0b.npy", 7);
  const std::vector<std::function<void(const std::string&)>> uses = {
      [&](const std::string& path) { save_npy(path, tensor); },
      [&](const std::string& path) {
        save_npz(path, {{"a", tensor}});
      },
      [&](const std::string& path) {
        save_safetensors(path, {{"a", tensor}});
      },
      [](const std::string& path) { load_npy(path); },
      [](const std::string& path) { load_npz(path); },
      [](const std::string& path) { load_safetensors(path); },
      [](const std::string& path) { load_checkpoint(path); },
  };
  for (const auto& use : uses) {
    expect_error(Code::kInvalidArgument, {"the path of a file is empty"}, [&] { use(""); });
    expect_error(Code::kInvalidArgument, {"zero byte", "a\\x00b.npy"}, [&] { use(zero); });
  }
  expect_error(Code::kInvalidArgument, {"the directory of checkpoints is \"\""}, [&] { save_checkpoint("", {}); });
  expect_error(Code::kInvalidArgument, {"the directory of checkpoints is \"\""}, [&] { load_latest_checkpoint(""); });
}

TEST(Printable, IsAlwaysUtf8WithoutControlCharacters) {
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("a\n\x7f\xc2\x85"), "a\\x0a\\x7f\\xc2\\x85");
  // A stray byte, a cut character, overlong forms, a surrogate, beyond U+10FFFF.
  for (const char* bad : {"\xff", "\xc3", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(is_utf8(bad));
    EXPECT_TRUE(is_utf8(printable(bad)));
    EXPECT_EQ(printable(bad).size(), 4 * std::string(bad).size());
  }
  EXPECT_EQ(printable("\xc3\xbc\xc3\xbc", 3), "\xc3\xbc...");  // never half of a character
}

TEST(AtomicFileTest, LeavesAnotherWritersTemporaryFileAlone) {
  const TemporaryDirectory directory;
  std::string name;
  {
    const AtomicFile file(directory.file("a"));
    name = directory.names().at(0);
  }
  // The names that would be taken next in this process.
  const std::size_t number_at = name.rfind('-') + 1;
  const std::string next = name.substr(0, number_at) + std::to_string(std::stoul(name.substr(number_at)) + 1);
  write_file(directory.file(next), "another's");
  AtomicFile file(directory.file("a"));
  file.write("mine");
  file.commit();
  EXPECT_EQ(io_test::read_file(directory.file("a")), "mine");
  EXPECT_EQ(io_test::read_file(directory.file(next)), "another's");
}

}  // namespace
}  // namespace gradus::io
