// The one header users include: #include <gradus/gradus.h>
#pragma once

#include "gradus/autodiff/gradient_registry.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/core/tensor.h"
#include "gradus/graph/graph.h"
#include "gradus/graph/scopes.h"
#include "gradus/graph/session.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "gradus/version.h"
