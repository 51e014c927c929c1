#include "gradus/io/data/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include "gradus/core/philox.h"

namespace gradus::io {
namespace {

constexpr std::uint64_t kShuffleStream = 0x73687566666c6500;

std::vector<std::int64_t> make_order(std::int64_t size, std::optional<std::uint64_t> seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (!seed) return order;
  const PhiloxStream random(*seed, kShuffleStream);
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {  // Fisher and Yates: a random one of those not yet placed
    const double left = static_cast<double>(order.size() - i);
    std::swap(order[i], order[i + static_cast<std::size_t>(random.uniform(i) * left)]);
  }
  return order;
}

// Reads batches ahead in a background thread.
class PrefetchingReader : public BatchReader {
 public:
  PrefetchingReader(std::unique_ptr<BatchReader> source, int depth)
      : source_(std::move(source)), depth_(static_cast<std::size_t>(depth)), thread_([this] { run(); }) {}
  // Waits for the batch that is being made, drops the rest.
  ~PrefetchingReader() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    emptied_.notify_all();
    thread_.join();
  }

  // Rethrows what the source threw, once, after the batches before it; then false.
  bool next(Batch* batch) override {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return finished_ || !ready_.empty(); });
    if (!ready_.empty()) {
      *batch = std::move(ready_.front());
      ready_.pop_front();
      emptied_.notify_one();
      return true;
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return false;
  }

 private:
  void run() {
    std::exception_ptr error;
    try {
      Batch batch;
      while (source_->next(&batch)) {
        std::unique_lock lock(mutex_);
        emptied_.wait(lock, [this] { return stop_ || ready_.size() < depth_; });
        if (stop_) return;
        ready_.push_back(std::exchange(batch, {}));
        filled_.notify_one();
      }
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    error_ = error;
    finished_ = true;
    filled_.notify_one();
  }

  const std::unique_ptr<BatchReader> source_;  // used by the thread alone
  const std::size_t depth_;
  std::mutex mutex_;  // guards all that follows
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::deque<Batch> ready_;
  std::exception_ptr error_;
  bool finished_ = false;  // the thread makes no more batches
  bool stop_ = false;      // nobody wants any more
  std::thread thread_;
};

}  // namespace

// Makes batches when asked, in the caller's thread.
class DirectReader : public BatchReader {
 public:
  explicit DirectReader(const BatchRange& range)
      : range_(range),
        order_(make_order(range.view_.size(), range.view_.shuffle_seed_)),
        augmenter_(range.view_.images_, range.view_.augmentation_,
                   range.view_.shuffle_seed_.value_or(~std::uint64_t{0})),
        next_(range.first_) {}

  bool next(Batch* batch) override {
    const ImageView& view = range_.view_;
    if (next_ >= view.batches(range_.batch_size_)) return false;
    const std::int64_t begin = next_ * range_.batch_size_;
    const std::int64_t count = std::min(range_.batch_size_, view.size() - begin);
    Shape shape = view.images_.shape();
    shape.set_dim(0, count);
    batch->images = Tensor(DType::kFloat32, shape);
    batch->labels = Tensor(DType::kInt32, {count});
    batch->index = next_++;
    const std::int64_t stride = shape[1] * shape[2] * shape[3];
    float* images = batch->images.data<float>();
    const std::int32_t* from_labels = view.labels_.data<std::int32_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t source = order_[static_cast<std::size_t>(begin + i)];
      augmenter_.write(source, images + i * stride);
      batch->labels.data<std::int32_t>()[i] = from_labels[source];
    }
    if (range_.transform_) range_.transform_(*batch);
    return true;
  }

 private:
  BatchRange range_;
  std::vector<std::int64_t> order_;
  Augmenter augmenter_;
  std::int64_t next_;
};

ImageView::ImageView(Tensor images, Tensor labels) : images_(std::move(images)), labels_(std::move(labels)) {
  const bool typed = images_.defined() && labels_.defined() && labels_.dtype() == DType::kInt32 &&
                     (images_.dtype() == DType::kUInt8 || images_.dtype() == DType::kFloat32);
  if (!typed || images_.shape().rank() != 4 || labels_.shape().rank() != 1 ||
      images_.shape()[0] != labels_.shape()[0]) {
    const auto describe = [](const Tensor& t) {
      return t.defined() ? fmt::format("{} {}", dtype_name(t.dtype()), t.shape().to_string()) : std::string("nothing");
    };
    throw invalid_argument(
        fmt::format("an image set needs uint8 or float32 images [N,H,W,C] and int32 labels [N]; got {} and {}",
                    describe(images_), describe(labels_)));
  }
}

std::int64_t ImageView::batches(std::int64_t batch_size) const {
  if (batch_size < 1) throw invalid_argument(fmt::format("the batch size must be at least 1; got {}", batch_size));
  return size() / batch_size + (size() % batch_size != 0 ? 1 : 0);
}

ImageView ImageView::augmented(const Augmentation& augmentation) const {
  check_augmentation(augmentation, images_.shape());
  ImageView view = *this;
  view.augmentation_ = augmentation;
  return view;
}

BatchRange ImageView::batched(std::int64_t batch_size) const { return {*this, batch_size}; }

BatchRange::BatchRange(ImageView view, std::int64_t batch_size) : view_(std::move(view)), batch_size_(batch_size) {
  view_.batches(batch_size);  // checks it
}

BatchRange BatchRange::skip(std::int64_t n) const {
  if (n < 0) throw invalid_argument(fmt::format("cannot skip {} batches", n));
  BatchRange range = *this;
  range.first_ = std::min(first_ + std::min(n, view_.batches(batch_size_)), view_.batches(batch_size_));
  return range;
}

BatchRange BatchRange::prefetched(int depth) const {
  if (depth < 1) throw invalid_argument(fmt::format("prefetching needs a depth of at least 1; got {}", depth));
  BatchRange range = *this;
  range.depth_ = depth;
  return range;
}

std::int64_t BatchRange::size() const { return view_.batches(batch_size_) - first_; }

BatchRange::Iterator BatchRange::begin() const {
  auto reader = std::make_unique<DirectReader>(*this);
  if (depth_ == 0) return Iterator(std::move(reader));
  return Iterator(std::make_shared<PrefetchingReader>(std::move(reader), depth_));
}

BatchRange::Iterator& BatchRange::Iterator::operator++() {
  if (reader_ != nullptr && !reader_->next(&batch_)) {
    reader_.reset();
    batch_ = {};
  }
  return *this;
}

}  // namespace gradus::io
