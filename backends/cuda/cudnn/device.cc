#include "gradus/backends/cuda/cudnn/device.h"

#include <vector>

#include "gradus/backends/cuda/cudnn/library.h"

namespace gradus::cudnn {

Descriptor device_properties(int device) {
  Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, std::int32_t{device});
  properties.finalize();
  return properties;
}

void execute(std::shared_ptr<void>& handle, const Descriptor& plan, std::span<const Binding> bindings, void* workspace,
             cudaStream_t stream) {
  if (handle == nullptr) {
    cudnnHandle_t made = nullptr;
    check(library().Create(&made), "cudnnCreate");
    handle = std::shared_ptr<void>(made, [](void* h) { library().Destroy(static_cast<cudnnHandle_t>(h)); });
  }
  const auto cudnn = static_cast<cudnnHandle_t>(handle.get());
  check(library().SetStream(cudnn, stream), "cudnnSetStream");
  std::vector<std::int64_t> numbers;
  std::vector<void*> pointers;
  for (const Binding& b : bindings) {
    numbers.push_back(b.operand);
    pointers.push_back(b.memory);
  }
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, numbers);
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers);
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
  pack.finalize();
  check(library().BackendExecute(cudnn, plan.get(), pack.get()), "cudnnBackendExecute");
}

}  // namespace gradus::cudnn
