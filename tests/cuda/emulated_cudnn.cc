// What cuDNN needs a GPU for, on the emulator: the properties of a GPU, which a file describes, and an interpreter of plans in the place
// of its kernels. (backends/cuda/cudnn/device.h has the declarations; device.cc, which tests do not link, the real ones.)
#include "tests/cuda/emulated_cudnn.h"

#include <atomic>
#include <cstring>
#include <memory>

#include "gradus/backends/cuda/cudnn/device.h"
#include "gradus/backends/cuda/cudnn/engine.h"
#include "gradus/core/error.h"
#include "tests/cuda/cudnn_interpreter.h"
#include "tests/cuda/described_device.h"
#include "tests/cuda/h200_properties.h"
#include "tests/cuda_emulator/emulator.h"
#include "tests/cuda_emulator/launch.h"

namespace gradus {
namespace {

std::atomic<int> executed = 0, to_refuse = 0;

}  // namespace

int testing::executed_cudnn_plans() { return executed; }
void testing::refuse_cudnn_plans(int count) { to_refuse = count; }

namespace cudnn {

Descriptor device_properties(int) { return testing::described_device(testing::kH200Properties); }

// As one thread of a kernel, which may touch the device's memory. The workspace is made NaN: nobody else may have a use for it.
void execute(std::shared_ptr<void>&, const Descriptor& plan, std::span<const Binding> bindings, void* workspace,
             cudaStream_t stream) {
  if (to_refuse > 0) {
    --to_refuse;
    throw internal_error("cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED (5000): planted");
  }
  const auto interpreted = std::make_shared<testing::InterpretedPlan>(json_of(plan));
  const auto workspace_bytes =
      static_cast<std::size_t>(plan.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE).at(0));
  testing::PlanMemory memory;
  for (const Binding& b : bindings) memory[std::to_string(b.operand)] = b.memory;
  const auto check = [](const void* address, std::size_t bytes) {
    if (const std::string wrong = cuda_emulator::check_memory(address, bytes); !wrong.empty())
      throw internal_error(wrong);
  };
  interpreted->check(memory, check);
  if (workspace_bytes > 0) check(workspace, workspace_bytes);
  ++executed;
  const auto body = [interpreted, memory, workspace, workspace_bytes] {
    if (workspace_bytes > 0) std::memset(workspace, 0xFF, workspace_bytes);
    interpreted->run(memory);
  };
  const cudaError_t error = cuda_emulator::enqueue_kernel("cuDNN's plan", nullptr, 1, 1, 0, stream, body);
  if (error != cudaSuccess) throw internal_error("the emulator takes no more work: " + cuda_emulator::failure());
}

}  // namespace cudnn
}  // namespace gradus
