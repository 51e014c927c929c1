#include "gradus/core/device.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gradus {

bool is_device_type(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Buffer allocate_on(Device& device, std::size_t bytes) {
  Buffer buffer = device.allocate(bytes);
  if (buffer == nullptr && bytes > 0) {
    throw internal_error(
        fmt::format("device '{}' was asked for {} bytes and gave no memory: its allocate() must throw "
                    "ResourceExhausted instead",
                    device.name().to_string(), bytes));
  }
  return buffer;
}

DeviceName DeviceName::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  DeviceName name{std::string(text.substr(0, colon)), 0};
  bool good = is_device_type(name.type);
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), name.index);
    good = good && error == std::errc() && end == digits.data() + digits.size() && name.index >= 0;
  }
  if (!good)
    throw invalid_argument(fmt::format("'{}' is not a device; write a type and an index like cpu:0 or cuda:0", text));
  return name;
}

void HostDevice::copy_from_host(void* device_memory, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(device_memory, host, bytes);
}

void HostDevice::copy_to_host(void* host, const void* device_memory, std::size_t bytes) {
  if (bytes > 0) std::memcpy(host, device_memory, bytes);
}

void Device::copy(void* to, const void* from, std::size_t bytes) {
  const Buffer bounce = allocate_host(bytes);
  copy_to_host(bounce.get(), from, bytes);
  copy_from_host(to, bounce.get(), bytes);
}

void Device::fill(void* device_memory, unsigned char byte, std::size_t bytes) {
  const std::vector<unsigned char> source(bytes, byte);
  copy_from_host(device_memory, source.data(), bytes);
}

void HostDevice::fill(void* device_memory, unsigned char byte, std::size_t bytes) {
  if (bytes > 0) std::memset(device_memory, byte, bytes);
}

std::vector<const Backend*> BackendRegistry::usable() const {
  std::vector<const Backend*> result;
  for (const auto& backend : backends_) {
    if (backend->rank >= 0 && backend->missing().empty() && !backend->list().empty()) result.push_back(backend.get());
  }
  std::stable_sort(result.begin(), result.end(), [](const Backend* a, const Backend* b) { return a->rank > b->rank; });
  return result;
}

void BackendRegistry::add(Backend backend) {
  if (!is_device_type(backend.type)) {
    throw invalid_argument(
        fmt::format("'{}' is no device type: lower-case letters, digits and '_', as in cpu", backend.type));
  }
  if (!backend.list || !backend.missing || !backend.create) {
    throw invalid_argument(fmt::format("backend '{}' needs the functions list, missing and create; it has no '{}'",
                                       backend.type,
                                       !backend.list      ? "list"
                                       : !backend.missing ? "missing"
                                                          : "create"));
  }
  if (find(backend.type) != nullptr) throw invalid_argument("a backend '" + backend.type + "' is registered already");
  backends_.push_back(std::make_unique<Backend>(std::move(backend)));
}

const Backend* BackendRegistry::find(std::string_view type) const {
  for (const auto& backend : backends_) {
    if (backend->type == type) return backend.get();
  }
  return nullptr;
}

std::unique_ptr<Device> BackendRegistry::create(const DeviceName& name, const DeviceOptions& options) const {
  const Backend* backend = find(name.type);
  if (backend == nullptr) {
    std::string known;
    for (const auto& b : backends_) known += (known.empty() ? "" : ", ") + b->type;
    throw not_found(fmt::format("no backend for device '{}' in this build; known types: {}", name.to_string(),
                                known.empty() ? "none" : known));
  }
  if (const std::string missing = backend->missing(); !missing.empty()) {
    throw unavailable(fmt::format("device '{}' cannot be used: {}", name.to_string(), missing));
  }
  const auto devices = backend->list();
  if (std::none_of(devices.begin(), devices.end(), [&](const DeviceInfo& d) { return d.name == name; })) {
    throw not_found(fmt::format("no device '{}' on this machine; it has {} of type {}", name.to_string(),
                                devices.size(), name.type));
  }
  std::unique_ptr<Device> device = backend->create(name.index, options);
  if (device == nullptr)
    throw internal_error(fmt::format("backend '{}' made no device '{}'", name.type, name.to_string()));
  return device;
}

std::int64_t HostDevice::memory_bytes() const {
  static const std::int64_t bytes = [] {
    const std::int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
    return pages > 0 && page > 0 ? pages * page : 0;
  }();
  return bytes;
}

}  // namespace gradus
