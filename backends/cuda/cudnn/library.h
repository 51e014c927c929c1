// NVIDIA's cuDNN 9, looked for when it is first needed and not linked: programs run without it. Internal to this folder: what others
// see of it is cudnn.h.
#pragma once

#include <cudnn_graph.h>

#include <string>

namespace gradus::cudnn {

// The functions that are used, by their names without "cudnn".
struct Library {
  decltype(&cudnnGetVersion) GetVersion;
  decltype(&cudnnGetErrorString) GetErrorString;
  decltype(&cudnnGetLastErrorString) GetLastErrorString;
  decltype(&cudnnCreate) Create;
  decltype(&cudnnDestroy) Destroy;
  decltype(&cudnnSetStream) SetStream;
  decltype(&cudnnBackendCreateDescriptor) BackendCreateDescriptor;
  decltype(&cudnnBackendDestroyDescriptor) BackendDestroyDescriptor;
  decltype(&cudnnBackendSetAttribute) BackendSetAttribute;
  decltype(&cudnnBackendGetAttribute) BackendGetAttribute;
  decltype(&cudnnBackendFinalize) BackendFinalize;
  decltype(&cudnnBackendExecute) BackendExecute;
};

// What looking for it came to; the same answer for the life of the program.
struct FoundLibrary {
  const Library* library = nullptr;
  std::string path;     // of its file
  std::string missing;  // where there is none: why
};
const FoundLibrary& find_library();

// Throws Unavailable, saying where it was looked for.
const Library& library();

// Throws unless all went well: "cudnnBackendFinalize: CUDNN_STATUS_BAD_PARAM (2000): <what cuDNN says about it>". Unavailable where the
// device or its driver is not there, ResourceExhausted without memory, InvalidArgument for parameters that it refuses, Unimplemented for what it does not support, else
// Internal.
void check(cudnnStatus_t status, const char* call);
// What cuDNN says about the last call that failed, on one line.
std::string last_error();

}  // namespace gradus::cudnn
