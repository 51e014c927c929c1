#include "gradus/backends/cuda/cudnn/descriptor.h"

#include "gradus/backends/cuda/cudnn/library.h"

namespace gradus::cudnn {

void Descriptor::Destroy::operator()(void* handle) const {
  static_cast<void>(library().BackendDestroyDescriptor(handle));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t handle = nullptr;
  check(library().BackendCreateDescriptor(type, &handle), "cudnnBackendCreateDescriptor");
  handle_ = std::shared_ptr<void>(handle, Destroy());
}

void Descriptor::set_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                            const void* values) {
  check(library().BackendSetAttribute(get(), name, type, count, values), "cudnnBackendSetAttribute");
}

void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& other) {
  set(name, std::vector<Descriptor>{other});
}

void Descriptor::set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& others) {
  std::vector<cudnnBackendDescriptor_t> handles;
  handles.reserve(others.size());
  for (const Descriptor& other : others) handles.push_back(other.get());
  set_values(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(handles.size()), handles.data());
  kept_.insert(kept_.end(), others.begin(), others.end());
}

void Descriptor::finalize() { check(library().BackendFinalize(get()), "cudnnBackendFinalize"); }

bool Descriptor::try_finalize() {
  const cudnnStatus_t status = library().BackendFinalize(get());
  // What an engine needs and this machine lacks (a compiler, another library) counts as not supported, too.
  if (status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000) return false;
  check(status, "cudnnBackendFinalize");
  return true;
}

std::int64_t Descriptor::count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const {
  std::int64_t count = 0;
  check(library().BackendGetAttribute(get(), name, type, 0, &count, nullptr), "cudnnBackendGetAttribute");
  return count;
}

void Descriptor::get_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                            void* values) const {
  std::int64_t written = 0;
  if (count == 0) return;
  check(library().BackendGetAttribute(get(), name, type, count, &written, values), "cudnnBackendGetAttribute");
}

std::vector<Descriptor> Descriptor::get_descriptors(cudnnBackendAttributeName_t name,
                                                    cudnnBackendDescriptorType_t type) const {
  const std::int64_t expected = count(name, CUDNN_TYPE_BACKEND_DESCRIPTOR);
  std::vector<Descriptor> descriptors;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (std::int64_t i = 0; i < expected; ++i) handles.push_back(descriptors.emplace_back(type).get());
  if (expected == 0) return descriptors;
  std::int64_t written = 0;
  check(library().BackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, expected, &written, handles.data()),
        "cudnnBackendGetAttribute");
  descriptors.resize(static_cast<std::size_t>(written));
  return descriptors;
}

}  // namespace gradus::cudnn
