#include "tests/cuda_emulator/emulator.h"
#include "tests/gpu_check/machine.h"

namespace gradus::gpu_check {

const char* machine_kind() { return "the emulator"; }
void fresh_machine() {
  static std::uint64_t seed = 0;
  cuda_emulator::reset({.seed = ++seed});
}
std::string first_failure() { return cuda_emulator::failure(); }

}  // namespace gradus::gpu_check
