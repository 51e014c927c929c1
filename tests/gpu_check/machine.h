// Where the checks run: a machine with a GPU (real_machine.cc) or, in tests of the checks, the emulator (emulated_machine.cc).
#pragma once

#include <string>

namespace gradus::gpu_check {

// How results call it: "a GPU", "the emulator".
const char* machine_kind();
// Before each part that makes devices of its own; none may be left of the part before.
void fresh_machine();
// What the emulator says of the first kernel that failed since then; "" on a GPU, where the error itself is all there is.
std::string first_failure();

}  // namespace gradus::gpu_check
