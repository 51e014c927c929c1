#include "gradus/core/kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "gradus/core/caller.h"
#include "gradus/core/philox.h"

namespace gradus {

void KernelContext::parallel_for(std::int64_t total, std::int64_t chunk,
                                 FunctionRef<void(std::int64_t, std::int64_t)> body) {
  parallel_for_worker(total, chunk, [&](std::int64_t begin, std::int64_t end, int) { body(begin, end); });
}

void KernelContext::parallel_for_worker(std::int64_t total, std::int64_t chunk,
                                        FunctionRef<void(std::int64_t, std::int64_t, int)> body) {
  if (ThreadPool* pool = device_->thread_pool()) {
    pool->parallel_for_worker(total, chunk, body);
    return;
  }
  chunk = std::max<std::int64_t>(chunk, 1);
  for (std::int64_t begin = 0; begin < total; begin += chunk) body(begin, std::min(begin + chunk, total), 0);
}

int KernelContext::num_workers() const {
  ThreadPool* pool = device_->thread_pool();
  return pool != nullptr ? pool->num_threads() : 1;
}

// Outside of runs, in a kernel that a test calls by itself, the run counts as number 0.
PhiloxStream KernelContext::random() const { return {random_seed_, run_number_ == nullptr ? 0 : *run_number_}; }

std::span<const std::int64_t> KernelContext::host_values(int i) const {
  if (const auto found = host_values_.find(i); found != host_values_.end()) return found->second;
  throw invalid_argument(
      fmt::format("{} the kernel asks for the values of operand {}, which its op does not declare in "
                  "host_operands, or before they are known",
                  *where_, i));
}

bool KernelContext::request_packed(int i, PackFn pack, std::size_t bytes) {
  const std::size_t index = checked(i, inputs_.size(), "input");
  const auto found = std::find_if(packed_inputs_.begin(), packed_inputs_.end(),
                                  [&](const PackedInput& packed) { return packed.input == i; });
  if (pack == nullptr)
    throw invalid_argument(fmt::format("{} the kernel asks for packed input {} without a function that packs it",
                                       where_ == nullptr ? std::string() : *where_, i));
  if (found != packed_inputs_.end()) return found->is_granted = found->pack == pack && found->bytes == bytes;
  if (index >= may_be_packed_.size() || !may_be_packed_[index] || bytes == 0) return false;
  packed_inputs_.push_back({i, pack, bytes, nullptr, true});
  return true;
}

const void* KernelContext::packed(int i) const {
  for (const PackedInput& packed : packed_inputs_) {
    if (packed.input == i) return packed.is_granted ? packed.memory : nullptr;
  }
  return nullptr;
}

void KernelContext::fail(Code code, const std::string& message) const { throw Error(code, *where_ + " " + message); }

void KernelContext::fail(int node, Code code, const std::string& message) const {
  throw Error(code, where(node) + " " + message);
}

const std::string& KernelContext::where(int node) const {
  const std::string& place = node_at(node).where;
  return place.empty() ? *where_ : place;
}

std::string KernelContext::located(std::string_view text) const {
  const bool is_located =
      text.starts_with(*where_) || std::any_of(nodes_.begin(), nodes_.end(), [&](const KernelNode& n) {
        return !n.where.empty() && text.starts_with(n.where);
      });
  return is_located ? std::string(text) : *where_ + " " + std::string(text);
}

void KernelContext::fail_not_kept() const {
  throw invalid_argument((where_ == nullptr ? std::string() : *where_ + " ") +
                         "the kernel asks by kept() for what its prepare() has not kept: call keep() there");
}

void KernelContext::fail_index(int i, std::size_t count, const char* what) const {
  throw invalid_argument(fmt::format("{} the kernel asks for {} {}; there {} {}, counted from 0",
                                     where_ == nullptr ? std::string() : *where_, what, i, count == 1 ? "is" : "are",
                                     count));
}

const KernelDef& KernelRegistry::add_to(Kernels& kernels, KernelDef def, const char* function,
                                        SourceLocation location) {
  const Caller caller{function, def.op.empty() ? std::string_view("(no name)") : std::string_view(def.op), location};
  if (def.op.empty() || def.device_type.empty()) caller.fail("a kernel needs the names of an op and of a device type");
  if (!is_device_type(def.device_type)) {
    caller.fail(fmt::format("'{}' is no device type; write one like cpu, without an index", def.device_type));
  }
  if (def.dtypes.empty()) caller.fail("a kernel needs the dtypes that it is for");
  if (def.compute == nullptr) caller.fail("a kernel needs a function, void(KernelContext&), that writes the outputs");
  for (const auto& k : kernels) {
    if (k->op != def.op || k->device_type != def.device_type) continue;
    for (int d = 0; d < kDTypeCount; ++d) {
      const DType dtype = static_cast<DType>(d);
      if (k->dtypes.contains(dtype) && def.dtypes.contains(dtype)) {
        caller.fail(
            fmt::format("a {} kernel of {} for {} is registered already", def.device_type, def.op, dtype_name(dtype)));
      }
    }
  }
  kernels.push_back(std::make_unique<KernelDef>(std::move(def)));
  return *kernels.back();
}

const KernelDef& KernelRegistry::add(KernelDef def, SourceLocation location) {
  if (!def.chain.empty()) {
    Caller{"kernel_registry().add", def.op, location}.fail("a kernel for a chain of ops is registered by add_fused()");
  }
  return add_to(kernels_, std::move(def), "kernel_registry().add", location);
}

const KernelDef& KernelRegistry::add_fused(std::vector<FusedOp> chain, std::string device_type, DTypeSet dtypes,
                                           KernelFn compute, KernelFn prepare, SourceLocation location) {
  KernelDef def{
      .op = "", .device_type = std::move(device_type), .dtypes = dtypes, .compute = compute, .prepare = prepare};
  for (const FusedOp& fused : chain) def.op += (def.op.empty() ? "" : "+") + fused.op;
  const Caller caller{"kernel_registry().add_fused", def.op, location};
  if (chain.size() < 2) caller.fail("a chain has two ops at least");
  for (const FusedOp& fused : chain) {
    if (fused.op.empty()) caller.fail("an op of the chain has no name");
  }
  if (chain.front().joint != kFirstOperand) caller.fail("the first op of a chain takes nothing that is passed on");
  def.chain = std::move(chain);
  return add_to(fused_, std::move(def), "kernel_registry().add_fused", location);
}

const KernelDef& KernelRegistry::add_batched(std::string op, std::string device_type, DTypeSet dtypes, KernelFn compute,
                                             KernelFn prepare, SourceLocation location) {
  return add_to(batched_, {std::move(op), std::move(device_type), dtypes, compute, prepare},
                "kernel_registry().add_batched", location);
}

void KernelRegistry::add_cpu_only(const std::string& op, const std::string& device_type, const std::string& reason) {
  cpu_only_.push_back({op, device_type, reason});
}

const KernelDef* KernelRegistry::find_in(const Kernels& kernels, const std::string& op, const std::string& device_type,
                                         DType dtype) {
  for (const auto& k : kernels) {
    if (k->op == op && k->device_type == device_type && k->dtypes.contains(dtype)) return k.get();
  }
  return nullptr;
}

const KernelDef* KernelRegistry::find(const std::string& op, const std::string& device_type, DType dtype) const {
  return find_in(kernels_, op, device_type, dtype);
}

const KernelDef* KernelRegistry::find_batched(const std::string& op, const std::string& device_type,
                                              DType dtype) const {
  return find_in(batched_, op, device_type, dtype);
}

const std::string* KernelRegistry::cpu_only_reason(const std::string& op, const std::string& device_type) const {
  for (const CpuOnly& c : cpu_only_) {
    if (c.op == op && c.device_type == device_type) return &c.reason;
  }
  return nullptr;
}

std::vector<const KernelDef*> KernelRegistry::for_op(const std::string& op) const {
  std::vector<const KernelDef*> result;
  for (const auto& k : kernels_) {
    if (k->op == op) result.push_back(k.get());
  }
  return result;
}

std::vector<const KernelDef*> KernelRegistry::of_device(const std::string& device_type) const {
  std::vector<const KernelDef*> result;
  for (const auto& k : kernels_) {
    if (k->device_type == device_type) result.push_back(k.get());
  }
  return result;
}

std::vector<std::string> KernelRegistry::ops() const {
  std::set<std::string> names;
  for (const auto& k : kernels_) names.insert(k->op);
  return {names.begin(), names.end()};
}

std::string KernelRegistry::describe(const std::string& op) const {
  std::string text;
  for (const KernelDef* k : for_op(op)) {
    std::string dtypes;
    for (int d = 0; d < kDTypeCount; ++d) {
      if (k->dtypes.contains(static_cast<DType>(d)))
        dtypes += (dtypes.empty() ? "" : ", ") + std::string(dtype_name(static_cast<DType>(d)));
    }
    text += (text.empty() ? "" : "; ") + k->device_type + ": " + dtypes;
  }
  return text.empty() ? "none" : text;
}

}  // namespace gradus
