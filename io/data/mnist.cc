#include <fmt/format.h>

#include "gradus/io/data/dataset.h"
#include "gradus/io/data/idx.h"
#include "gradus/io/file.h"

namespace gradus::io {
namespace {

constexpr int kClasses = 10;

std::string find_idx(const std::string& directory, const std::string& name) {
  for (const char* suffix : {"", ".gz"}) {
    std::string path = join_path(directory, name + suffix);
    if (file_exists(path)) return path;
  }
  throw not_found(
      fmt::format("{} is missing (plain or with .gz). The folder must hold train-images-idx3-ubyte, "
                  "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte",
                  join_path(directory, name)));
}

void check_labels(const std::string& path, std::int64_t data_at, const Tensor& labels) {
  const std::uint8_t* values = labels.data<std::uint8_t>();
  for (std::int64_t i = 0; i < labels.num_elements(); ++i) {
    if (values[i] >= kClasses) {
      throw data_loss(fmt::format("{}: offset {}: label {} of image {}; the classes are 0 to {}", path, data_at + i,
                                  values[i], i, kClasses - 1));
    }
  }
}

ImageSet load_split(const std::string& directory, const std::string& prefix) {
  const std::string images_path = find_idx(directory, prefix + "-images-idx3-ubyte");
  const std::string labels_path = find_idx(directory, prefix + "-labels-idx1-ubyte");
  const Tensor images = load_idx(images_path);
  const Tensor labels = load_idx(labels_path);
  if (images.shape().rank() != 3) {
    throw data_loss(
        fmt::format("{}: offset 3: images need 3 dimensions; got {}", images_path, images.shape().to_string()));
  }
  if (labels.shape().rank() != 1 || labels.shape()[0] != images.shape()[0]) {
    throw data_loss(fmt::format("{}: offset 4: labels of shape {} for images of shape {} in {}", labels_path,
                                labels.shape().to_string(), images.shape().to_string(), images_path));
  }
  check_labels(labels_path, 8, labels);
  const Shape& shape = images.shape();
  return {images.reshaped({shape[0], shape[1], shape[2], 1}), labels.cast(DType::kInt32), kClasses, {}};
}

}  // namespace

ImageDataset load_mnist(const std::string& directory) {
  ImageDataset data{load_split(directory, "train"), load_split(directory, "t10k")};
  data.train.class_names = data.test.class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  return data;
}

ImageDataset load_fashion_mnist(const std::string& directory) {
  ImageDataset data = load_mnist(directory);
  data.train.class_names = data.test.class_names = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                                    "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  return data;
}

ImageSet ImageSet::first(std::int64_t n) const {
  if (n < 0) throw invalid_argument(fmt::format("first() needs a count of 0 or more; got {}", n));
  if (n >= size()) return *this;
  ImageSet set = *this;
  set.images = images.rows(0, n);
  set.labels = labels.rows(0, n);
  return set;
}

}  // namespace gradus::io
