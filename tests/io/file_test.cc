// Writing a file by way of a temporary one.
#include "gradus/io/file.h"

#include <sys/stat.h>

#include "gradus/io/npy.h"
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
