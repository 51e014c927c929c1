// Steps that a device records once and repeats in later runs: one submission in the place of hundreds. Internal to graph/.
#pragma once

#include "gradus/core/function_ref.h"
#include "gradus/graph/run/plan.h"

namespace gradus {

// Gives the ordered steps of devices with memory of their own their streams: of what a step leads to, the steps with the longest way to the
// end of the plan stay in its stream, and the others go to the second one, where `streams` is 2. Thus the gradient of a layer's image goes
// on to the next layer while that of its filter is computed.
void assign_streams(Plan& plan, int streams);

// Records what can be recorded when the plan has run twice (a device loads its kernels when they are first used), and again when its memory
// has moved. `submit` starts a step. A device that gives up is not asked again; the plan runs step by step.
void update_recordings(Plan& plan, const SessionOptions& options, FunctionRef<void(PlanStep&)> submit);

}  // namespace gradus
