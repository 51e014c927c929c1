// In the place of this folder's other files where cuDNN's headers were not found when Gradus was built.
#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/core/error.h"

namespace gradus::cudnn {

Found find() {
  return {.missing = "this build of Gradus knows no cuDNN: its headers were not found; CUDNN_ROOT says where they are"};
}

class Descriptor {};

Context::Context(int device) : device_(device) {}
Context::~Context() = default;

std::shared_ptr<const Plan> Context::plan(const Convolution&, const Policy&, ChoosePlan, std::string*) {
  throw unavailable(find().missing);
}
void Context::run(const Plan&, std::span<const Binding>, void*, cudaStream_t) { throw unavailable(find().missing); }
Context::Entry Context::make_plan(const Convolution&, const Policy&, ChoosePlan) { throw unavailable(find().missing); }

}  // namespace gradus::cudnn
