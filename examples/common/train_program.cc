#include "train_program.h"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include <gradus/io/file.h>

#include "program.h"

namespace train_program {
namespace {

namespace gd = gradus;

volatile std::sig_atomic_t interrupted = 0;  // the number of the signal
void on_interrupt(int signal) { interrupted = signal; }

// Everything a resumed run needs besides the variables.
struct Progress {
  int epoch = 0;              // passes done
  std::int64_t position = 0;  // batches done in this pass
  double loss_sum = 0.0;      // over the images of this pass so far
  std::int64_t images = 0;
  nlohmann::json epochs = nlohmann::json::array();  // what --json gets
};

// Makes the folder; what stands in the way of saving is noticed now, not after the first hundreds of steps.
void check_checkpoint_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  const auto refuse = [&](const std::string& why) {
    throw gd::invalid_argument(fmt::format("--checkpoint: cannot save in '{}': {}", folder, why));
  };
  std::error_code problem;
  const fs::file_status status = fs::status(folder, problem);
  if (fs::exists(status) && !fs::is_directory(status)) refuse("it is a file, not a folder");
  const fs::path parent = fs::absolute(fs::path(folder) / "..").lexically_normal();
  if (!fs::exists(status) && !fs::is_directory(parent, problem)) {
    refuse(fmt::format("there is no folder '{}' to make it in", parent.string()));
  }
  problem.clear();
  fs::create_directory(folder, problem);
  if (!problem && ::access(folder.c_str(), W_OK | X_OK) != 0) problem.assign(errno, std::generic_category());
  if (problem) refuse(problem.message());
}

class Program {
 public:
  Program(const Options& options, const Setup& setup) : o_(options), setup_(setup), data_(setup.load(options)) {
    if (o_.limit > 0) data_ = {data_.train.first(o_.limit), data_.test.first(o_.limit)};
    if (data_.train.size() == 0 || data_.test.size() == 0) throw gd::invalid_argument("the data set holds no images");
    labels_hash_ = hash_labels();
    build();
    session_.emplace(graph_, gd::SessionOptions{.device = o_.device,
                                                .seed = static_cast<std::uint64_t>(o_.seed),
                                                .num_threads = o_.threads,
                                                .conv_algorithm = gd::conv_algorithm_from_name(o_.conv_algorithm)});
  }

  int run() {
    if (!o_.checkpoint.empty()) start_from_checkpoint();
    while (progress_.epoch < o_.epochs) {
      if (!train_epoch()) return 128 + interrupted;
      const double accuracy = test();
      const double loss = progress_.loss_sum / static_cast<double>(progress_.images);
      progress_.epochs.push_back({{"epoch", progress_.epoch + 1}, {"loss", loss}, {"test_accuracy", accuracy}});
      ++progress_.epoch;
      progress_.position = 0;
      progress_.loss_sum = 0.0;
      progress_.images = 0;
      save();
      write_json();
      std::printf("epoch %d: loss %.4f, test accuracy %.4f\n", progress_.epoch, loss, accuracy);
      example::check_standard_output();  // a run whose results go nowhere ends here, with its checkpoint saved
    }
    write_json();  // of a run that was finished before
    const double accuracy = progress_.epochs.back().at("test_accuracy");
    std::printf("test accuracy: %.4f\n", accuracy);
    return 0;
  }

 private:
  // Where the graph gets its batches from: they are fed, or, with --data-on-device, chosen there from the whole set.
  void build_inputs() {
    const gd::io::Augmentation normalise{.mean = setup_.augmentation.mean, .stddev = setup_.augmentation.stddev};
    train_view_ = data_.train.augmented(setup_.augmentation);
    test_view_ = data_.test.augmented(normalise);
    if (o_.data_on_device) {
      train_input_ = gd::io::resident_images(graph_, *train_view_, "train_data");
      test_input_ = gd::io::resident_images(graph_, *test_view_, "test_data");
      return;
    }
    const gd::Shape& shape = data_.train.images.shape();
    train_input_.images = gd::placeholder(graph_, gd::DType::kFloat32, {-1, shape[1], shape[2], shape[3]}, "images");
    train_input_.labels = gd::placeholder(graph_, gd::DType::kInt32, {-1}, "labels");
    test_input_ = train_input_;
  }

  void build() {
    build_inputs();
    const gd::Output labels = train_input_.labels;
    const gd::nn::ModelFn model = gd::nn::model_by_name(o_.model);
    const gd::nn::ModelOptions options{
        .classes = data_.train.num_classes, .training = true, .l2 = setup_.l2, .recompute = o_.recompute};
    const gd::Output logits = model(train_input_.images, options);
    loss_ = gd::nn::sparse_softmax_loss(labels, logits);
    const double steps = static_cast<double>(data_.train.batches(o_.batch)) * o_.epochs;
    const gd::Output rate = gd::nn::cosine_decay(gd::nn::global_step(graph_), o_.learning_rate, steps);
    train_ = gd::nn::momentum({.learning_rate = rate, .momentum = 0.9}).minimize(gd::nn::with_regularization(loss_));
    train_accuracy_ = gd::nn::accuracy(labels, logits);

    const gd::nn::ReuseVariables reuse(graph_);  // the same weights, without dropout, with batch norm's moving averages
    const gd::Output test_logits = model(test_input_.images, {.classes = options.classes, .training = false});
    test_accuracy_ = gd::nn::accuracy(test_input_.labels, test_logits, "test_accuracy");
  }

  // Calls step(feeds, size, index) for each batch, until it returns false.
  template <class Step>
  bool for_each_batch(const gd::io::ResidentImages& input, const gd::io::BatchRange& batches, Step step) const {
    if (o_.data_on_device) {
      for (const gd::io::BatchChoices& batch : batches.choices()) {
        if (!step({{input.choices, batch.values}}, batch.size(), batch.index)) return false;
      }
      return true;
    }
    for (const gd::io::Batch& batch : batches.prefetched()) {
      if (!step({{input.images, batch.images}, {input.labels, batch.labels}}, batch.size(), batch.index)) return false;
    }
    return true;
  }

  // One pass from progress_.position on; false after Ctrl-C.
  bool train_epoch() {
    const auto shuffle_seed =
        static_cast<std::uint64_t>(o_.seed) * 1000003u + static_cast<std::uint64_t>(progress_.epoch);
    gd::ProgressBar bar(fmt::format("epoch {}", progress_.epoch + 1), data_.train.batches(o_.batch),
                        {.quiet = o_.quiet});
    bar.start_at(progress_.position);
    const auto step = [&](const gd::Feeds& feeds, std::int64_t size, std::int64_t index) {
      const auto values = session_->run(feeds, {loss_, train_accuracy_}, {train_});
      const double loss = static_cast<double>(values[0].item<float>());
      if (!(loss < 1e30))
        throw gd::Error(gd::Code::kOutOfRange, fmt::format("the loss became {}; try a smaller --learning-rate", loss));
      progress_.loss_sum += loss * static_cast<double>(size);
      progress_.images += size;
      progress_.position = index + 1;
      bar.step({{"loss", loss}, {"acc", static_cast<double>(values[1].item<float>())}}, size);
      const bool stop = interrupted != 0;
      if (stop || (++steps_since_save_ >= o_.checkpoint_every)) save();
      return !stop;
    };
    const auto batches = train_view_->shuffled(shuffle_seed).batched(o_.batch);
    if (for_each_batch(train_input_, batches.skip(progress_.position), step)) return true;
    bar.finish();
    std::fputs(
        o_.checkpoint.empty() ? "stopped; nothing was saved (no --checkpoint)\n" : "stopped; go on with --resume\n",
        stderr);
    return false;
  }

  double test() {
    gd::nn::Mean accuracy;
    for_each_batch(test_input_, test_view_->batched(500), [&](const gd::Feeds& feeds, std::int64_t size, std::int64_t) {
      const auto values = session_->run(feeds, {test_accuracy_});
      accuracy.add(static_cast<double>(values[0].item<float>()), static_cast<double>(size));
      return true;
    });
    return accuracy.value();
  }

  // What must be the same in a resumed run; anything else would give other results.
  nlohmann::json identity() const {
    return {{"program", setup_.defaults.program},
            {"model", o_.model},
            {"device", session_->options().device},  // as "cpu:0", however it was written
            {"conv_algorithm", o_.conv_algorithm},
            {"epochs", o_.epochs},
            {"batch", o_.batch},
            {"seed", o_.seed},
            {"learning_rate", o_.learning_rate},
            {"images", data_.train.size()},
            {"labels_hash", labels_hash_}};
  }

  void check_identity(const std::string& saved_text) const {
    const nlohmann::json saved = nlohmann::json::parse(saved_text);
    const nlohmann::json own = identity();
    std::string differences;
    for (const auto& [key, value] : own.items()) {
      const std::string before = saved.contains(key) ? saved.at(key).dump() : "nothing";
      if (before == value.dump()) continue;
      differences += fmt::format("{}{} was {} and is {}", differences.empty() ? "" : ", ", key, before, value.dump());
    }
    if (differences.empty()) return;
    throw gd::invalid_argument(
        fmt::format("the checkpoint in '{}' is of another run: {}; give the options of that run, or begin a new one in "
                    "another folder (--checkpoint)",
                    o_.checkpoint, differences));
  }

  // Tells data sets of the same size apart, such as MNIST and Fashion-MNIST.
  std::string hash_labels() const {
    std::uint64_t hash = 0;
    for (const gd::io::ImageSet* set : {&data_.train, &data_.test}) {
      for (const std::int32_t label : set->labels.flat<std::int32_t>()) {
        hash = (hash ^ static_cast<std::uint64_t>(label)) * 0x100000001b3u + 1;
      }
    }
    return fmt::format("{:016x}", hash);
  }

  void save() {
    steps_since_save_ = 0;
    if (o_.checkpoint.empty()) return;
    gd::io::Checkpoint checkpoint;
    checkpoint.tensors = session_->state();
    checkpoint.step = data_.train.batches(o_.batch) * progress_.epoch + progress_.position;
    checkpoint.epoch = progress_.epoch;
    checkpoint.position = progress_.position;
    checkpoint.seed = static_cast<std::uint64_t>(o_.seed);
    checkpoint.notes = {{"identity", identity().dump()},
                        {"epochs", progress_.epochs.dump()},
                        {"loss_sum", fmt::format("{}", progress_.loss_sum)},
                        {"images", fmt::format("{}", progress_.images)},
                        {"run_number", fmt::format("{}", session_->run_number())}};
    gd::io::save_checkpoint(o_.checkpoint, checkpoint);
  }

  void start_from_checkpoint() {
    const std::optional<gd::io::Checkpoint> found = gd::io::load_latest_checkpoint(o_.checkpoint);
    if (!o_.resume) {
      if (found)
        throw gd::invalid_argument("'" + o_.checkpoint +
                                   "' holds checkpoints already; add --resume to go on, or name another folder");
      return;
    }
    if (!found) {
      std::fprintf(stderr, "no checkpoint in '%s' yet; starting from the beginning\n", o_.checkpoint.c_str());
      return;
    }
    const auto note = [&](const char* name) {
      const auto entry = found->notes.find(name);
      if (entry == found->notes.end())
        throw gd::data_loss("the checkpoint in '" + o_.checkpoint + "' was not written by this program");
      return entry->second;
    };
    try {
      check_identity(note("identity"));
      progress_.epochs = nlohmann::json::parse(note("epochs"));
      progress_.epoch = static_cast<int>(found->epoch);
      progress_.position = found->position;
      if (!progress_.epochs.is_array() || found->epoch != static_cast<std::int64_t>(progress_.epochs.size()) ||
          found->epoch > o_.epochs || found->position > data_.train.batches(o_.batch)) {
        throw gd::data_loss(fmt::format("the checkpoint in '{}' contradicts itself: epoch {}, batch {}", o_.checkpoint,
                                        found->epoch, found->position));
      }
      progress_.loss_sum = std::stod(note("loss_sum"));  // "{}" prints doubles so that they read back exactly
      progress_.images = std::stoll(note("images"));
      session_->restore(found->tensors);
      session_->set_run_number(std::stoull(note("run_number")));
    } catch (const gd::Error&) {
      throw;
    } catch (const std::exception& error) {  // JSON and number parsing
      throw gd::data_loss(fmt::format("the checkpoint in '{}' has unreadable notes: {}", o_.checkpoint, error.what()));
    }
    if (progress_.epoch == o_.epochs) {
      std::fprintf(stderr, "the run in '%s' is finished\n", o_.checkpoint.c_str());
    } else {
      std::fprintf(stderr, "resumed at step %lld (epoch %d, batch %lld)\n", static_cast<long long>(found->step),
                   progress_.epoch + 1, static_cast<long long>(progress_.position));
    }
  }

  void write_json() const {
    if (o_.json.empty()) return;
    gd::io::AtomicFile file(o_.json);
    file.write(nlohmann::json{{"options", identity()}, {"epochs", progress_.epochs}}.dump(2) + "\n");
    file.commit();
  }

  const Options& o_;
  const Setup& setup_;
  gd::io::ImageDataset data_;
  std::optional<gd::io::ImageView> train_view_, test_view_;
  gd::Graph graph_;
  gd::io::ResidentImages train_input_, test_input_;  // `choices` only with --data-on-device
  gd::Output loss_, train_accuracy_, test_accuracy_;
  gd::Operation train_;
  std::optional<gd::Session> session_;
  std::string labels_hash_;
  Progress progress_;
  int steps_since_save_ = 0;
};

}  // namespace

gd::io::ImageDataset drawn_digits(gd::io::SyntheticDigits digits, const Options& options) {
  for (std::int64_t* count : {&digits.train, &digits.test}) {
    if (options.limit > 0) *count = std::min(*count, options.limit);
  }
  return gd::io::synthetic_digits(digits);
}

int run(int argc, char** argv, const Setup& setup) {
  Options options;
  const example::Options table = describe_options(setup.defaults, &options);
  return example::run(argc, argv, setup.defaults.program, table, [&] {
    if (options.resume && options.checkpoint.empty()) throw example::UsageError("--resume needs --checkpoint DIR");
    struct sigaction action = {};
    action.sa_handler = on_interrupt;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second Ctrl-C ends the program at once
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    // Noticed now rather than when images are drawn and a pass is done.
    if (!options.checkpoint.empty()) check_checkpoint_folder(options.checkpoint);
    if (!options.json.empty()) const gd::io::AtomicFile noticed_now(options.json);
    return Program(options, setup).run();
  });
}

}  // namespace train_program
