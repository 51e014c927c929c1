#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_gather_images_gradients(GradientRegistry& registry) {
  registry.add_none("GatherImages", "its operands are data: the images of a set and what was chosen of them");
}

}  // namespace gradus
