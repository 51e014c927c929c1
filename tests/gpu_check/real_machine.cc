#include "tests/gpu_check/machine.h"

namespace gradus::gpu_check {

const char* machine_kind() { return "a GPU"; }
void fresh_machine() {}
std::string first_failure() { return ""; }

}  // namespace gradus::gpu_check
