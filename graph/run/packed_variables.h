// Variables in the arrangements that kernels like to read them in (KernelContext::request_packed): one for all plans of a session, made
// anew when the variable has changed. Internal to graph/.
//
// Kernels read them where they take a variable as it was before the run, so all are made before the first step, also in plans that then
// change the variable. Thus no step waits for them, and no recording has them in it.
#pragma once

#include "gradus/graph/run/plan.h"

namespace gradus {

// What the step's kernel may ask for in prepare(), and, after that, the memory of what it has asked for. Throws ResourceExhausted.
void allow_packed(const Plan& plan, PlanStep& step);
void add_packed(Plan& plan, PlanStep& step);

// Whether some variable has changed since what the plan's kernels read of it was made; to be called, like the two below, while no other
// run reads or changes variables, or while none can begin.
bool has_stale_packed(const Plan& plan);
void make_packed(const Plan& plan);
// The variables that the plan changes count as changed from here on, however far its run comes.
void note_changes(const Plan& plan);

}  // namespace gradus
