// One pass over variables and slots per update, element by element; the updates of many variables in one kernel, since for small networks
// starting a kernel takes longer than what it does.
#include "gradus/ops/optimizer_updates.h"

#include "gradus/backends/cuda/kernels.h"

namespace gradus::cuda {
namespace {

// Of each update: the variable, its slots, the gradient, and the block that begins with it.
template <class T>
struct UpdatedVariable {
  T* var;
  Compute<T>* slots[2];
  const T* grad;
  std::int64_t n;
  unsigned first_block;
};
// As an argument of a kernel, of which all may have 4096 bytes in all.
constexpr int kMostUpdates = 72;
template <class T>
struct UpdatedVariables {
  UpdatedVariable<T> all[kMostUpdates];
  int count;
};
constexpr std::int64_t kElementsPerBlock = std::int64_t{kThreads} * 4;

// `update` changes element i of a variable; begin() is called first, by every thread, and says whether there is anything to do.
template <class T, class Update>
__global__ void update_variables(UpdatedVariables<T> variables, Update update) {
  int k = 0;
  while (k + 1 < variables.count && variables.all[k + 1].first_block <= blockIdx.x) ++k;
  const UpdatedVariable<T> v = variables.all[k];
  if (!update.begin()) return;
  const std::int64_t first = (blockIdx.x - v.first_block) * kElementsPerBlock + threadIdx.x;
  for (int part = 0; part < 4; ++part) {
    const std::int64_t i = first + part * std::int64_t{kThreads};
    if (i < v.n) update.element(v, i);
  }
}

template <class T>
struct GradientDescent {
  using U = Compute<T>;
  const U* rate;
  __device__ bool begin() const { return true; }
  __device__ void element(const UpdatedVariable<T>& v, std::int64_t i) const {
    v.var[i] = static_cast<T>(static_cast<U>(v.var[i]) - rate[0] * static_cast<U>(v.grad[i]));
  }
};

template <class T>
struct Momentum {
  using U = Compute<T>;
  const U *rate, *mu;
  bool nesterov;
  __device__ bool begin() const { return true; }
  __device__ void element(const UpdatedVariable<T>& v, std::int64_t i) const {
    U* const accum = v.slots[0];
    const U g = static_cast<U>(v.grad[i]), a = mu[0] * accum[i] + g;
    accum[i] = a;
    v.var[i] = static_cast<T>(static_cast<U>(v.var[i]) - rate[0] * (nesterov ? g + mu[0] * a : a));
  }
};

template <class T>
struct RmsProp {
  using U = Compute<T>;
  const U *rate, *mu;
  U rho, rest, epsilon;
  __device__ bool begin() const { return true; }
  __device__ void element(const UpdatedVariable<T>& v, std::int64_t i) const {
    U *const ms = v.slots[0], *const mom = v.slots[1];
    const U g = static_cast<U>(v.grad[i]), s = rho * ms[i] + rest * g * g;
    const U move = mu[0] * mom[i] + rate[0] * g / std::sqrt(s + epsilon);
    ms[i] = s;
    mom[i] = move;
    v.var[i] = static_cast<T>(static_cast<U>(v.var[i]) - move);
  }
};

template <class T>
struct Adam {
  using U = Compute<T>;
  const U* rate;
  const std::int64_t* step;
  U beta1, rest1, beta2, rest2, epsilon, decay;
  double exact_beta1, exact_beta2;  // for their powers
  Finding* findings;
  unsigned mistake;
  U scale1 = 0, scale2 = 0;

  __device__ bool begin() {
    if (step[0] < 1) {
      if (first_item() == 0) report(findings, mistake, step[0]);
      return false;
    }
    const double steps = static_cast<double>(step[0]);
    scale1 = static_cast<U>(1 / (1 - std::pow(exact_beta1, steps)));
    scale2 = static_cast<U>(1 / (1 - std::pow(exact_beta2, steps)));
    return true;
  }
  __device__ void element(const UpdatedVariable<T>& v, std::int64_t i) const {
    const U g = static_cast<U>(v.grad[i]), w = static_cast<U>(v.var[i]);
    const U m1 = beta1 * v.slots[0][i] + rest1 * g, v1 = beta2 * v.slots[1][i] + rest2 * g * g;
    v.slots[0][i] = m1;
    v.slots[1][i] = v1;
    v.var[i] = static_cast<T>(w - rate[0] * (m1 * scale1 / (std::sqrt(v1 * scale2) + epsilon) + decay * w));
  }
};

// How the nodes of an op are read: how many slots they have, which operand is the gradient, and the update that one of them asks for.
// Updates that are equal may share a kernel: those of an optimiser are, since they read the same rate.
template <class T>
struct GradientDescentNode {
  using Update = GradientDescent<T>;
  static constexpr int kSlots = 0, kGradient = 2;
  static Update update(KernelContext& c, int node) { return {c.operand(node, 1).data<Compute<T>>()}; }
  static bool equal(const Update& a, const Update& b) { return a.rate == b.rate; }
};
template <class T>
struct MomentumNode {
  using Update = Momentum<T>;
  static constexpr int kSlots = 1, kGradient = 3;
  static Update update(KernelContext& c, int node) {
    return {c.operand(node, 2).data<Compute<T>>(), c.operand(node, 4).data<Compute<T>>(),
            c.attrs<ApplyMomentumAttrs>(node).use_nesterov};
  }
  static bool equal(const Update& a, const Update& b) { return a.rate == b.rate && a.mu == b.mu; }
};
template <class T>
struct RmsPropNode {
  using Update = RmsProp<T>;
  static constexpr int kSlots = 2, kGradient = 4;
  static Update update(KernelContext& c, int node) {
    using U = Compute<T>;
    const auto& attrs = c.attrs<ApplyRMSPropAttrs>(node);
    return {c.operand(node, 3).data<U>(), c.operand(node, 5).data<U>(), static_cast<U>(attrs.rho),
            static_cast<U>(1 - attrs.rho), static_cast<U>(attrs.epsilon)};
  }
  static bool equal(const Update& a, const Update& b) { return a.rate == b.rate && a.mu == b.mu; }
};
template <class T>
struct AdamNode {
  using Update = Adam<T>;
  static constexpr int kSlots = 2, kGradient = 4;
  static Update update(KernelContext& c, int node) {
    using U = Compute<T>;
    const auto& a = c.attrs<ApplyAdamAttrs>(node);
    return {.rate = c.operand(node, 3).data<U>(),
            .step = c.operand(node, 5).data<std::int64_t>(),
            .beta1 = static_cast<U>(a.beta1),
            .rest1 = static_cast<U>(1 - a.beta1),
            .beta2 = static_cast<U>(a.beta2),
            .rest2 = static_cast<U>(1 - a.beta2),
            .epsilon = static_cast<U>(a.epsilon),
            .decay = static_cast<U>(a.weight_decay),
            .exact_beta1 = a.beta1,
            .exact_beta2 = a.beta2,
            .findings = device_of(c).findings(),
            .mistake = c.kept<std::vector<unsigned>>().at(static_cast<std::size_t>(node))};
  }
  static bool equal(const Update& a, const Update& b) { return a.rate == b.rate && a.step == b.step; }
};

// One node, or many, whose attributes are equal (KernelRegistry::add_batched).
template <template <class> class Node, class T>
void update_kernel(KernelContext& c) {
  using Traits = Node<T>;
  const CudaDevice& device = device_of(c);
  device.make_current();
  for (int first = 0, next = 0; first < c.num_nodes(); first = next) {
    UpdatedVariables<T> variables{};
    unsigned blocks = 0;
    const auto update = Traits::update(c, first);
    for (next = first; next < c.num_nodes() && next - first < kMostUpdates; ++next) {
      if (!Traits::equal(Traits::update(c, next), update)) break;
      UpdatedVariable<T>& v = variables.all[variables.count++];
      Tensor& var = c.mutable_operand(next, 0);
      v.var = var.data<T>();
      for (int slot = 0; slot < Traits::kSlots; ++slot) {
        v.slots[slot] = c.mutable_operand(next, 1 + slot).template data<Compute<T>>();
      }
      v.grad = c.operand(next, Traits::kGradient).template data<T>();
      v.n = var.num_elements();
      v.first_block = blocks;
      blocks += static_cast<unsigned>((v.n + kElementsPerBlock - 1) / kElementsPerBlock);
    }
    const Launch l{.grid = blocks, .block = kThreads, .stream = device.stream()};
    check(launch<update_variables<T, typename Traits::Update>>(l, variables, update), "the launch of a kernel");
  }
}

void prepare_adam(KernelContext& c) {
  std::vector<unsigned> mistakes;
  for (int node = 0; node < c.num_nodes(); ++node) {
    const std::string& where = c.num_nodes() == 1 ? c.where() : c.where(node);
    mistakes.push_back(
        device_of(c).add_mistake(Code::kInvalidArgument, where, [](std::int64_t step, std::int64_t, std::int64_t) {
          return "step counts from 1; got " + std::to_string(step);
        }));
  }
  c.keep(std::move(mistakes));
}

}  // namespace

void register_optimizer_update_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    const auto add = [&](const char* op, KernelFn compute, KernelFn prepare) {
      kernels.add(op, kDevice, dtype, compute, prepare);
      kernels.add_batched(op, kDevice, dtype, compute, prepare);
    };
    add("ApplyGradientDescent", update_kernel<GradientDescentNode, T>, nullptr);
    add("ApplyMomentum", update_kernel<MomentumNode, T>, nullptr);
    add("ApplyRMSProp", update_kernel<RmsPropNode, T>, nullptr);
    add("ApplyAdam", update_kernel<AdamNode, T>, prepare_adam);
  });
}

}  // namespace gradus::cuda
