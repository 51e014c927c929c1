#include "train_options.h"

#include <gradus/core/conv_algorithm.h>
#include <gradus/nn/models.h>

namespace train_program {

example::Options describe_options(const Defaults& defaults, Options* o) {
  o->model = defaults.model;
  o->epochs = defaults.epochs;
  o->batch = defaults.batch;
  o->learning_rate = defaults.learning_rate;
  example::Options options(defaults.program, defaults.description);
  options.text("--data", &o->data, "DIR",
               "folder with the data set's files; without it the program draws its own images");
  options.choice("--model", &o->model, gradus::nn::model_names(), "what is trained");
  options.integer("--epochs", &o->epochs, 1, 100000, "passes over the training images");
  options.integer("--batch", &o->batch, 1, 1 << 20, "images per step");
  options.text("--device", &o->device, "DEVICE", "cpu:0, cuda:0 or ref:0; cpu:0 when not given");
  options.integer("--threads", &o->threads, 0, 1024, "threads; 0 is one per processor");
  options.choice("--conv-algorithm", &o->conv_algorithm, gradus::conv_algorithm_names(),
                 "how a CPU computes convolutions; auto is the fastest for each shape");
  options.integer("--seed", &o->seed, 0, std::int64_t{1} << 62, "of weights, shuffling, dropout and augmentation");
  options.positive_number("--learning-rate", &o->learning_rate, "at the start; falls to 0 along half a cosine");
  options.text("--checkpoint", &o->checkpoint, "DIR", "folder for checkpoints, made when missing");
  options.integer("--checkpoint-every", &o->checkpoint_every, 1, 1 << 30, "steps between checkpoints");
  options.flag("--resume", &o->resume,
               "go on from the latest checkpoint in --checkpoint, to the same bits as without a stop");
  options.text("--json", &o->json, "FILE", "file for loss and accuracy per epoch");
  options.integer("--limit", &o->limit, 0, std::int64_t{1} << 40, "use only the first images of each set; 0 is all");
  options.flag("--data-on-device", &o->data_on_device,
               "keep all images in the device's memory and make batches there; same results");
  options.flag(
      "--recompute", &o->recompute,
      "compute the model's blocks again for gradients instead of keeping them: less memory, more time, same results");
  options.flag("--quiet", &o->quiet, "no progress bar");
  return options;
}

}  // namespace train_program
