// A descriptor of cuDNN's graph API: attributes are set, then it is finalised, then they can be read. Tensors, operations, graphs of
// operations, engines and plans are all descriptors (NVIDIA's documentation of the "cuDNN backend API").
#pragma once

#include <cudnn_graph.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradus::cudnn {

// How cuDNN calls the types of attributes.
template <class T>
inline constexpr cudnnBackendAttributeType_t kAttributeType = [] {
  static_assert(sizeof(T) == 0, "no type of an attribute");
  return CUDNN_TYPE_INT64;
}();
#define GRADUS_ATTRIBUTE_TYPE(type, name) \
  template <>                             \
  inline constexpr cudnnBackendAttributeType_t kAttributeType<type> = name;
GRADUS_ATTRIBUTE_TYPE(std::int64_t, CUDNN_TYPE_INT64)
GRADUS_ATTRIBUTE_TYPE(std::int32_t, CUDNN_TYPE_INT32)
GRADUS_ATTRIBUTE_TYPE(bool, CUDNN_TYPE_BOOLEAN)
GRADUS_ATTRIBUTE_TYPE(char, CUDNN_TYPE_CHAR)
GRADUS_ATTRIBUTE_TYPE(float, CUDNN_TYPE_FLOAT)
GRADUS_ATTRIBUTE_TYPE(double, CUDNN_TYPE_DOUBLE)
GRADUS_ATTRIBUTE_TYPE(void*, CUDNN_TYPE_VOID_PTR)
GRADUS_ATTRIBUTE_TYPE(cudnnDataType_t, CUDNN_TYPE_DATA_TYPE)
GRADUS_ATTRIBUTE_TYPE(cudnnConvolutionMode_t, CUDNN_TYPE_CONVOLUTION_MODE)
GRADUS_ATTRIBUTE_TYPE(cudnnPointwiseMode_t, CUDNN_TYPE_POINTWISE_MODE)
GRADUS_ATTRIBUTE_TYPE(cudnnBackendHeurMode_t, CUDNN_TYPE_HEUR_MODE)
GRADUS_ATTRIBUTE_TYPE(cudnnBackendNumericalNote_t, CUDNN_TYPE_NUMERICAL_NOTE)
GRADUS_ATTRIBUTE_TYPE(cudnnBackendBehaviorNote_t, CUDNN_TYPE_BEHAVIOR_NOTE)
#undef GRADUS_ATTRIBUTE_TYPE

// Copies are the same descriptor. All throw Error where cuDNN answers with one (check() in library.h).
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(cudnnBackendDescriptorType_t type);

  template <class T>
  void set(cudnnBackendAttributeName_t name, std::span<const T> values) {
    set_values(name, kAttributeType<T>, static_cast<std::int64_t>(values.size()), values.data());
  }
  template <class T>
  void set(cudnnBackendAttributeName_t name, const std::vector<T>& values) {
    set(name, std::span<const T>(values));
  }
  template <class T>
  void set(cudnnBackendAttributeName_t name, const T& value) {
    set(name, std::span<const T>(&value, 1));
  }
  // The other descriptors stay alive as long as this one.
  void set(cudnnBackendAttributeName_t name, const Descriptor& other);
  void set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& others);

  // Checks what was set; nothing can be set from then on. try_finalize() answers false where cuDNN supports no such thing here.
  void finalize();
  bool try_finalize();

  template <class T>
  std::vector<T> get(cudnnBackendAttributeName_t name) const {
    std::vector<T> values(static_cast<std::size_t>(count(name, kAttributeType<T>)));
    get_values(name, kAttributeType<T>, static_cast<std::int64_t>(values.size()), values.data());
    return values;
  }
  // As many descriptors of this type as there are.
  std::vector<Descriptor> get_descriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) const;

  cudnnBackendDescriptor_t get() const { return handle_.get(); }

 private:
  struct Destroy {
    void operator()(void* handle) const;
  };
  void set_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                  const void* values);
  std::int64_t count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const;
  void get_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                  void* values) const;

  std::shared_ptr<void> handle_;
  std::vector<Descriptor> kept_;  // that this one refers to
};

}  // namespace gradus::cudnn
