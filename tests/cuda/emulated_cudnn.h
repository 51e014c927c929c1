// What tests ask of the emulator in the place of cuDNN's kernels.
#pragma once

namespace gradus::testing {

// Plans that were carried out since the program began.
int executed_cudnn_plans();
// The next `count` are refused when they are started, as an engine does that has promised too much.
void refuse_cudnn_plans(int count);

}  // namespace gradus::testing
