// What tests ask of the emulator in the place of cuDNN's kernels.
#pragma once

namespace gradus::testing {

// Plans that were carried out since the program began.
int executed_cudnn_plans();

}  // namespace gradus::testing
