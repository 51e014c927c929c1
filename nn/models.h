// Models as plain functions from images to logits. A second call under a ReuseVariables shares the weights. All nodes take the
// line of the call; a mistake is InvalidArgument with the model or its layer, and that line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus::nn {

struct ModelOptions {
  std::int64_t classes = 10;
  bool training = true;  // dropout on, batch norm by the batch
  double l2 = 0.0;       // of the weights of convolutions and dense layers
  // Training keeps of every block (a convolution with what follows it up to the next; of resnet20 a residual block) the result alone, and
  // computes the block again in the backward pass (graph/recompute_scope.h): the same bits with less memory, in more time.
  bool recompute = false;
};

// LeNet-5 as it is built today (LeCun et al., 1998, with relu and max-pooling): conv 5x5x6 SAME, pool, conv 5x5x16 VALID,
// pool, dense 120, 84, classes. images [N, 28, 28, 1] (or [N, 32, 32, C]).
Output lenet5(const Output& images, const ModelOptions& options = {},
              SourceLocation location = SourceLocation::current());
// TensorFlow's "Deep MNIST" tutorial network: conv 5x5x32, pool, conv 5x5x64, pool, dense 1024, dropout 0.5, dense classes.
Output deep_mnist(const Output& images, const ModelOptions& options = {},
                  SourceLocation location = SourceLocation::current());
// He et al., CVPR 2016, section 4.2: 3x3x16, then three stages of three blocks with 16, 32, 64 filters, global average pool;
// shortcuts of type B (1x1 convolution) where the size changes. images [N, 32, 32, 3].
Output resnet20(const Output& images, const ModelOptions& options = {},
                SourceLocation location = SourceLocation::current());

// One of these, or any function of that kind, as a value.
class ModelFn {
 public:
  using Function = Output (*)(const Output&, const ModelOptions&, SourceLocation);
  using Plain = Output (*)(const Output&, const ModelOptions&);
  ModelFn(Function function) : function_(function) {}  // NOLINT: implicit by design
  ModelFn(Plain function) : plain_(function) {}        // NOLINT: implicit by design
  Output operator()(const Output& images, const ModelOptions& options = {},
                    SourceLocation location = SourceLocation::current()) const {
    return function_ != nullptr ? function_(images, options, location) : plain_(images, options);
  }

 private:
  Function function_ = nullptr;
  Plain plain_ = nullptr;
};
// By name; throws NotFound with the names that exist.
ModelFn model_by_name(std::string_view name);
std::vector<std::string> model_names();

}  // namespace gradus::nn
