// The CIFAR loaders, on files of a few records.
#include "gradus/io/data/dataset.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::expect_error;
using io_test::TemporaryDirectory;
using io_test::write_file;

// A record whose red, green and blue planes are r, r+1, r+2, but for the first pixel of the second row: 200, 201, 202.
std::string record(const std::string& labels, int r) {
  std::string planes;
  for (int c = 0; c < 3; ++c) {
    std::string plane(1024, static_cast<char>(r + c));
    plane[32] = static_cast<char>(200 + c);
    planes += plane;
  }
  return labels + planes;
}

class CifarTest : public ::testing::Test {
 protected:
  void write_cifar10(const std::string& base) {
    for (int i = 1; i <= 5; ++i) {
      write_file(base + fmt::format("/data_batch_{}.bin", i), record({static_cast<char>(i)}, 10 * i));
    }
    write_file(base + "/test_batch.bin", record({'\x00'}, 100) + record({'\x09'}, 110));
  }
  TemporaryDirectory directory_;
};

TEST_F(CifarTest, LoadsCifar10AsInterleavedRgb) {
  write_cifar10(directory_.path());
  const ImageDataset data = load_cifar10(directory_.path(), {.allow_subset = true});
  EXPECT_EQ(data.train.images.shape(), (Shape{5, 32, 32, 3}));
  EXPECT_TRUE(bit_equal(data.train.labels, Tensor::from<std::int32_t>({5}, {1, 2, 3, 4, 5})));
  EXPECT_TRUE(bit_equal(data.test.labels, Tensor::from<std::int32_t>({2}, {0, 9})));
  const std::uint8_t* second = data.test.images.data<std::uint8_t>() + 3072;
  EXPECT_EQ(second[0], 110);
  EXPECT_EQ(second[1], 111);
  EXPECT_EQ(second[2], 112);
  EXPECT_EQ(second[32 * 3 + 1], 201) << "row 1, column 0, green";
  EXPECT_EQ(data.train.num_classes, 10);
  EXPECT_EQ(data.train.class_names.at(9), "truck");
}

TEST_F(CifarTest, LooksIntoTheArchivesFolder) {
  std::filesystem::create_directory(directory_.file("cifar-10-batches-bin"));
  write_cifar10(directory_.file("cifar-10-batches-bin"));
  EXPECT_EQ(load_cifar10(directory_.path(), {.allow_subset = true}).test.size(), 2);
}

TEST_F(CifarTest, LoadsFineAndCoarseLabelsOfCifar100) {
  write_file(directory_.file("train.bin"), record("\x13\x63", 1));
  write_file(directory_.file("test.bin"), record({'\x00', '\x05'}, 1));
  const ImageDataset fine = load_cifar100(directory_.path(), {.allow_subset = true});
  EXPECT_EQ(fine.train.num_classes, 100);
  EXPECT_EQ(fine.train.class_names.size(), 100U);
  EXPECT_EQ(fine.train.labels.item<std::int32_t>(), 99);
  EXPECT_EQ(fine.train.class_names.at(99), "worm");
  EXPECT_TRUE(std::is_sorted(fine.train.class_names.begin(), fine.train.class_names.end()));
  const ImageDataset coarse = load_cifar100(directory_.path(), {.coarse_labels = true, .allow_subset = true});
  EXPECT_EQ(coarse.train.num_classes, 20);
  EXPECT_EQ(coarse.train.class_names.size(), 20U);
  EXPECT_EQ(coarse.train.labels.item<std::int32_t>(), 19);
}

TEST_F(CifarTest, RefusesMissingAndDamagedFiles) {
  expect_error(Code::kNotFound, {"data_batch_1.bin", "cifar-10-batches-bin", "test_batch.bin"},
               [&] { load_cifar10(directory_.path()); });
  write_cifar10(directory_.path());
  expect_error(Code::kDataLoss, {"data_batch_1.bin", "offset 3073", "1 images; the original file has 10000"},
               [&] { load_cifar10(directory_.path()); });
  write_file(directory_.file("data_batch_3.bin"), record("\x01", 1) + "x");
  expect_error(Code::kDataLoss, {"data_batch_3.bin", "offset 3073", "1 bytes remain"},
               [&] { load_cifar10(directory_.path(), {.allow_subset = true}); });
  write_file(directory_.file("data_batch_3.bin"), record("\x01", 1) + record("\x0a", 1));
  expect_error(Code::kDataLoss, {"data_batch_3.bin", "offset 3073", "label 10"},
               [&] { load_cifar10(directory_.path(), {.allow_subset = true}); });
  expect_error(Code::kInvalidArgument, {"coarse"}, [&] { load_cifar10(directory_.path(), {.coarse_labels = true}); });
}

}  // namespace
}  // namespace gradus::io
