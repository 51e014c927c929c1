// The idx format and the MNIST loader, on tiny files written out by hand.
#include "gradus/io/data/dataset.h"
#include "gradus/io/data/idx.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::big_endian32;
using io_test::bytes;
using io_test::expect_error;
using io_test::gzip;
using io_test::TemporaryDirectory;
using io_test::write_file;

std::string idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width, const std::string& pixels) {
  return bytes("\0\0\x08\x03") + big_endian32(count) + big_endian32(height) + big_endian32(width) + pixels;
}
std::string idx_labels(const std::string& labels) {
  return bytes("\0\0\x08\x01") + big_endian32(static_cast<std::uint32_t>(labels.size())) + labels;
}

class MnistTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file(directory_.file("train-images-idx3-ubyte"),
               idx_images(2, 2, 3, bytes("\0\1\2\3\4\5\6\7\x08\x09\x0a\xff")));
    write_file(directory_.file("train-labels-idx1-ubyte.gz"), gzip(idx_labels("\x07\x03")));
    write_file(directory_.file("t10k-images-idx3-ubyte.gz"), gzip(idx_images(1, 2, 3, "abcdef")));
    write_file(directory_.file("t10k-labels-idx1-ubyte"), idx_labels("\x09"));
  }
  Tensor load(const std::string& content) {
    write_file(directory_.file("x"), content);
    return load_idx(directory_.file("x"));
  }
  TemporaryDirectory directory_;
};

TEST_F(MnistTest, LoadsPlainAndGzippedFiles) {
  const ImageDataset data = load_mnist(directory_.path());
  EXPECT_EQ(data.train.size(), 2);
  EXPECT_EQ(data.train.images.shape(), (Shape{2, 2, 3, 1}));
  EXPECT_EQ(data.train.images.at(11), 255.0);
  EXPECT_TRUE(bit_equal(data.train.labels, Tensor::from<std::int32_t>({2}, {7, 3})));
  EXPECT_EQ(data.train.num_classes, 10);
  EXPECT_EQ(data.train.class_names.at(7), "7");
  EXPECT_EQ(data.test.images.at(0), 97.0);
  EXPECT_EQ(load_fashion_mnist(directory_.path()).test.class_names.at(9), "Ankle boot");
  for (const Batch& batch : data.train.batched(2)) {
    EXPECT_EQ(batch.images.dtype(), DType::kFloat32);
    EXPECT_EQ(batch.images.at(11), 1.0) << "255 is white";
    EXPECT_FLOAT_EQ(static_cast<float>(batch.images.at(1)), 1.0F / 255.0F);
  }
}

TEST_F(MnistTest, SaysWhichFileIsMissing) {
  std::filesystem::remove(directory_.file("t10k-labels-idx1-ubyte"));
  expect_error(Code::kNotFound, {directory_.file("t10k-labels-idx1-ubyte"), ".gz", "must hold train-images-idx3-ubyte"},
               [&] { load_mnist(directory_.path()); });
  expect_error(Code::kNotFound, {"/nowhere/train-images-idx3-ubyte"}, [&] { load_mnist("/nowhere"); });
}

TEST_F(MnistTest, RefusesImagesAndLabelsThatDoNotBelongTogether) {
  write_file(directory_.file("t10k-labels-idx1-ubyte"), idx_labels("\x09\x01"));
  expect_error(Code::kDataLoss, {"t10k-labels-idx1-ubyte", "offset 4", "[2]", "[1,2,3]"},
               [&] { load_mnist(directory_.path()); });
  write_file(directory_.file("t10k-labels-idx1-ubyte"), idx_labels("\x0a"));
  expect_error(Code::kDataLoss, {"offset 8", "label 10 of image 0"}, [&] { load_mnist(directory_.path()); });
  write_file(directory_.file("t10k-images-idx3-ubyte.gz"), idx_labels("\x01"));  // need not be packed to be read
  expect_error(Code::kDataLoss, {"offset 3", "3 dimensions"}, [&] { load_mnist(directory_.path()); });
}

TEST_F(MnistTest, RefusesDamagedIdxFilesWithTheOffset) {
  const std::string good = idx_images(1, 2, 2, "abcd");
  struct Case {
    std::string content;
    std::vector<std::string> parts;
  };
  const std::string packed = gzip(good);
  std::string wrong_sum = packed;
  wrong_sum[packed.size() - 8] = static_cast<char>(wrong_sum[packed.size() - 8] ^ 1);
  const std::vector<Case> cases = {
      {"", {"offset 0", "truncated"}},
      {good.substr(0, 10), {"offset 8", "truncated", "sizes"}},
      {good.substr(0, 19), {"offset 4", "declares 4 bytes", "only 3 bytes"}},
      {good + "e", {"offset 20", "1 bytes follow"}},
      {bytes("\0\1\x08\x01") + "....", {"offset 0", "magic"}},
      {bytes("\0\0\x08\0") + "....", {"offset 0", "magic"}},
      {bytes("\0\0\x07\x01") + "....", {"offset 2", "element type 0x07"}},
      {idx_images(0xffffffff, 2, 2, "abcd"), {"offset 4", "negative size -1"}},
      {idx_images(0x7fffffff, 0x7fffffff, 0x7fffffff, "abcd"), {"offset 4", "63 bits"}},
      {idx_images(60000, 28, 28, "abcd"), {"offset 4", "declares 47040000 bytes"}},
      {packed.substr(0, packed.size() - 1), {"truncated"}},
      {packed.substr(0, 5), {"truncated"}},
      {packed + "junk", {fmt::format("offset {}", packed.size()), "bytes follow"}},
      {gzip(good + "e"), {"offset 20 of the unpacked data", "bytes follow"}},
      {gzip(good.substr(0, 19)), {"offset 19 of the unpacked data", "truncated"}},
      {gzip(idx_images(0xfffffffe, 2, 2, "abcd")), {"negative size -2"}},
      {gzip(idx_images(60000, 28, 28, "abcd")), {"no more than"}},
      {wrong_sum, {"offset", "incorrect data check"}},
  };
  for (const Case& c : cases) {
    std::vector<std::string> parts = c.parts;
    parts.push_back(directory_.file("x"));
    expect_error(Code::kDataLoss, parts, [&] { load(c.content); });
  }
  expect_error(Code::kUnimplemented, {"offset 2", "0x0d"}, [&] { load(bytes("\0\0\x0d\x01\0\0\0\0")); });
}

TEST_F(MnistTest, ReadsGzipFilesOfSeveralMembers) {
  const std::string good = idx_images(1, 2, 2, "abcd");
  EXPECT_TRUE(bit_equal(load(gzip(good.substr(0, 7)) + gzip(good.substr(7))), load(good)));
}

TEST_F(MnistTest, AGzipBombCostsNoMemory) {
  // 200 MB of zeros in 200 kB: what the header declares is read, the rest is noticed, not unpacked.
  const std::string zeros(200'000'000, '\0');
  const std::string small = gzip(idx_images(1, 100, 100, zeros));
  const std::string lying = gzip(idx_images(1, 14000, 14000, std::string(100'000, '\0')));
  const io_test::MemoryLimit limit(64 << 20);
  expect_error(Code::kDataLoss, {"bytes follow"}, [&] { load(small); });
  expect_error(Code::kDataLoss, {"declares 196000000 bytes"}, [&] { load(lying); });
}

}  // namespace
}  // namespace gradus::io
