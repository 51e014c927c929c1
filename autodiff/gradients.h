// gradients(): reverse-mode differentiation that adds its result to the graph as ordinary nodes. The result can
// therefore be fetched, trained on, printed, saved, and differentiated again, to any order. Called by the thread that
// builds the graph.
#pragma once

#include <vector>

#include "gradus/autodiff/gradient_registry.h"

namespace gradus {

// What gradients() gives for an x that no y depends on.
enum class Unconnected { kNone, kZeros };

// For every x the gradient of sum_k <grad_ys[k], ys[k]>, of x's dtype and shape:
// result[i] = sum_k (d ys[k] / d xs[i])^T grad_ys[k].
//
//   grad_ys  one per y, of its dtype and a compatible shape; an invalid Output (or an empty list) stands for ones.
//   result   in the order of xs. An invalid Output ("none") where no y depends on that x by way of differentiable ops,
//            as in TensorFlow 1: zeros would hide a forgotten connection. An error of whoever uses it names the x and
//            this call. Unconnected::kZeros gives zeros of x's shape (of each run, where it is unknown) instead.
//
// ys and xs may be any floating outputs of one graph: placeholders, variables, inner results. Several contributions
// to one output are joined by one AddN. Only nodes on a path from some x to some y get gradients, and rules build
// only the inputs on such a path. New nodes are named after the forward graph ("gradients/block1/conv/..."), run on
// the forward node's device, and remember it (Node::forward_node, Node::gradient_rule).
//
// Throws InvalidArgument: ys or xs empty, invalid, of different graphs or not floating; grad_ys of a wrong number,
// dtype or shape, or a gradient that is none; a rule that returns a wrong shape or dtype, or speaks of inputs that do not
// exist. Internal: what else a rule throws. Throws Unimplemented when the gradient reaches an op
// that has neither a rule nor an explicit "none" in gradient_registry(); the text names the path from y to x.
std::vector<Output> gradients(const std::vector<Output>& ys, const std::vector<Output>& xs,
                              const std::vector<Output>& grad_ys = {}, Unconnected unconnected = Unconnected::kNone,
                              SourceLocation location = SourceLocation::current());
// The same for one y.
std::vector<Output> gradients(const Output& y, const std::vector<Output>& xs, const Output& grad_y = {},
                              Unconnected unconnected = Unconnected::kNone,
                              SourceLocation location = SourceLocation::current());

}  // namespace gradus
