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

// The images of a pass in their order, batch by batch, and what the augmentation does with each.
class Pass {
 public:
  explicit Pass(const BatchRange& range)
      : view_(range.view_),
        batch_size_(range.batch_size_),
        order_(make_order(view_.size(), view_.shuffle_seed_)),
        stream_(view_.shuffle_seed_.value_or(~std::uint64_t{0})),
        next_(range.first_) {}

  const ImageView& view() const { return view_; }
  // Goes to the next batch, the first one when called first; false after the last.
  bool next() {
    if (next_ >= view_.batches(batch_size_)) return false;
    begin_ = next_ * batch_size_;
    count_ = std::min(batch_size_, view_.size() - begin_);
    ++next_;
    return true;
  }
  // Of the batch.
  std::int64_t index() const { return next_ - 1; }
  std::int64_t size() const { return count_; }
  ImageChoice choice(std::int64_t i) const {
    return choose_image(view_.augmentation_, stream_, order_[static_cast<std::size_t>(begin_ + i)]);
  }

 private:
  ImageView view_;
  std::int64_t batch_size_;
  std::vector<std::int64_t> order_;
  std::uint64_t stream_;
  std::int64_t next_, begin_ = 0, count_ = 0;
};

// Makes batches when asked, in the caller's thread.
class DirectReader : public BatchReader {
 public:
  explicit DirectReader(const BatchRange& range)
      : pass_(range), augmenter_(pass_.view().images(), pass_.view().augmentation()), transform_(range.transform_) {}

  bool next(Batch* batch) override {
    if (!pass_.next()) return false;
    const ImageView& view = pass_.view();
    Shape shape = view.images().shape();
    shape.set_dim(0, pass_.size());
    batch->images = Tensor(DType::kFloat32, shape);
    batch->labels = Tensor(DType::kInt32, {pass_.size()});
    batch->index = pass_.index();
    const std::int64_t stride = shape[1] * shape[2] * shape[3];
    float* images = batch->images.data<float>();
    const std::int32_t* from_labels = view.labels().data<std::int32_t>();
    for (std::int64_t i = 0; i < pass_.size(); ++i) {
      const ImageChoice choice = pass_.choice(i);
      augmenter_.write(choice, images + i * stride);
      batch->labels.data<std::int32_t>()[i] = from_labels[choice.index];
    }
    if (transform_) transform_(*batch);
    return true;
  }

 private:
  Pass pass_;
  Augmenter augmenter_;
  std::function<void(Batch&)> transform_;
};

namespace {

class ChoiceReader : public PassReader<BatchChoices> {
 public:
  explicit ChoiceReader(const BatchRange& range) : pass_(range) {}

  bool next(BatchChoices* batch) override {
    if (!pass_.next()) return false;
    batch->values = Tensor(DType::kInt32, {pass_.size(), 4});
    batch->index = pass_.index();
    std::int32_t* to = batch->values.data<std::int32_t>();
    for (std::int64_t i = 0; i < pass_.size(); ++i) {
      const ImageChoice choice = pass_.choice(i);
      for (const std::int64_t value : {choice.index, choice.top, choice.left, std::int64_t{choice.mirrored}}) {
        *to++ = static_cast<std::int32_t>(value);
      }
    }
    return true;
  }

 private:
  Pass pass_;
};

}  // namespace

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

ChoiceRange BatchRange::choices() const {
  if (transform_) throw invalid_argument("choices() of batches that mapped() changes: choices have no pixels");
  if (view_.size() > INT32_MAX) {
    throw invalid_argument(fmt::format("choices() counts images in int32; the set has {}", view_.size()));
  }
  return ChoiceRange(*this);
}

ChoiceRange::Iterator ChoiceRange::begin() const { return Iterator(std::make_shared<ChoiceReader>(batches_)); }

}  // namespace gradus::io
