// Steps that a device records once and repeats in later runs: one submission in the place of hundreds. Internal to graph/.
#pragma once

#include "gradus/core/function_ref.h"
#include "gradus/graph/run/plan.h"

namespace gradus {

// Gives the ordered steps of devices with memory of their own their streams, where `streams` is 2: for each step, the successor with the
// longest way to the end of the plan keeps stream 0, and its other successors go to stream 1. Thus the gradient of a layer's image goes on
// to the next layer while that of its filter is computed.
void assign_streams(Plan& plan, int streams);

// Records what can be recorded when the plan has run twice (a device loads its kernels when they are first used), and again when its memory
// has moved. `submit` starts a step. A device that gives up is not asked again; the plan runs step by step.
void update_recordings(Plan& plan, const SessionOptions& options, FunctionRef<void(PlanStep&)> submit);

}  // namespace gradus
