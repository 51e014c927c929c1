// What the rest of the backend knows of NVIDIA's cuDNN: convolutions are described, an engine for each is chosen when a plan is made,
// and it is run. By the graph API ("cuDNN backend API"), which takes paddings that differ from side to side, makes plans without a
// device, and tells of each engine whether it is deterministic and how it rounds.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "gradus/core/dtype.h"
#include "gradus/core/function_ref.h"
#include "gradus/ops/conv_geometry.h"

namespace gradus::cudnn {

// The library on this machine: its version ("9.19.0") and file, or what is missing.
struct Found {
  std::string version = {}, path = {}, missing = {};
};
Found find();

enum class Direction { kForward, kBackpropInput, kBackpropFilter };

// y = convolution of x with w (then + bias, then relu), or one of its two gradients. Images lie in memory as geometry.data_format says;
// filters as NVIDIA has them, [out channel][row][column][channel] for NHWC and [out channel][channel][row][column] for NCHW. Every
// tensor begins at a multiple of 16 bytes. float16 and bfloat16 are accumulated in float32. No size may be 0.
struct Convolution {
  Direction direction = Direction::kForward;
  DType dtype = DType::kFloat32;
  ConvGeometry geometry = {};
  bool bias = false, relu = false;  // forward only; relu only with a bias
};

// The tensors by their numbers in cuDNN's graph. kResult is y or, of gradients, what y is in them: dy.
enum Operand : std::int64_t { kImage = 1, kFilter = 2, kResult = 3, kBias = 4 };
struct Binding {
  Operand operand;
  void* memory;  // of the device
};

// Which engines may be chosen. Those that compile a kernel when a plan is made (a second or more each) never are.
struct Policy {
  bool deterministic = true;  // the same bits in every run
  bool allow_tf32 = false;    // float32 products may be rounded to 10 bits of mantissa
  bool autotune =
      false;  // the fastest of several, tried on memory of their own, instead of the one that cuDNN recommends
  std::size_t most_workspace = std::size_t{64} << 20;  // bytes
};

class Descriptor;
struct Plan {
  std::shared_ptr<const Descriptor> descriptor;
  std::size_t workspace_bytes = 0;
  std::string description;  // "cuDNN 9.19.0 engine 28, workspace 0 bytes, deterministic"
};

// Puts a plan into a stream, of the context's device, which is the current one.
using RunPlan = FunctionRef<void(const Plan&, std::span<const Binding> bindings, void* workspace, cudaStream_t stream)>;
// Which of several plans for a convolution is taken (Policy::autotune), and what its description gets about it.
struct Choice {
  std::size_t plan;
  std::string why;
};
using ChoosePlan = FunctionRef<Choice(const Convolution&, std::span<const Plan>, RunPlan run)>;

// What a device needs of cuDNN. For several threads.
class Context {
 public:
  explicit Context(int device);
  ~Context();

  // The plan for a convolution, made once; nullptr where no engine fits, and `why_not` says why. `choose` is asked where the policy
  // says autotune and there are several. Throws Unavailable without cuDNN.
  std::shared_ptr<const Plan> plan(const Convolution& convolution, const Policy& policy, ChoosePlan choose,
                                   std::string* why_not);
  // Puts it into the stream, of this device, which is the current one.
  void run(const Plan& plan, std::span<const Binding> bindings, void* workspace, cudaStream_t stream);

 private:
  struct Entry {
    std::shared_ptr<const Plan> plan;
    std::string why_not;
  };
  Entry make_plan(const Convolution& convolution, const Policy& policy, ChoosePlan choose);

  [[maybe_unused]] const int device_;
  std::mutex mutex_;  // guards all below
  std::shared_ptr<const Descriptor> properties_;
  std::shared_ptr<void> handle_;
  std::map<std::string, Entry> plans_;
};

}  // namespace gradus::cudnn
