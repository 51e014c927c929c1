#include "gradus/backends/cuda/cudnn/convolution.h"

#include <fmt/format.h>

#include <array>

#include "gradus/core/error.h"

namespace gradus::cudnn {
namespace {

using Four = std::array<std::int64_t, 4>;

cudnnDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat16: return CUDNN_DATA_HALF;
    case DType::kBFloat16: return CUDNN_DATA_BFLOAT16;
    case DType::kFloat32: return CUDNN_DATA_FLOAT;
    case DType::kFloat64: return CUDNN_DATA_DOUBLE;
    default: throw invalid_argument(fmt::format("cuDNN does not compute convolutions of {}", dtype_name(dtype)));
  }
}

// What is computed and accumulated in.
cudnnDataType_t compute_type(DType dtype) { return dtype == DType::kFloat64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT; }

// Strides of sizes that cuDNN names in the order N C H W, packed, channels last or not.
Four packed(const Four& sizes, DataFormat format) {
  const auto [n, c, h, w] = sizes;
  if (format == DataFormat::kNHWC) return {h * w * c, 1, w * c, c};
  return {c * h * w, h * w, w, 1};
}

Descriptor tensor(std::int64_t number, cudnnDataType_t type, const Four& sizes, const Four& strides,
                  bool is_virtual = false) {
  Descriptor t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, number);
  t.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
  t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{16});
  t.set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const std::int64_t>(sizes));
  t.set(CUDNN_ATTR_TENSOR_STRIDES, std::span<const std::int64_t>(strides));
  t.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
  t.finalize();
  return t;
}

Descriptor convolution_descriptor(const ConvGeometry& g, cudnnDataType_t compute) {
  const auto pair = [](std::int64_t rows, std::int64_t columns) { return std::vector<std::int64_t>{rows, columns}; };
  Descriptor d(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  d.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, compute);
  d.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  d.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
  d.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, pair(g.rows.stride, g.columns.stride));
  d.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, pair(g.rows.dilation, g.columns.dilation));
  d.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, pair(g.rows.pad_before, g.columns.pad_before));
  d.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, pair(g.rows.pad_after, g.columns.pad_after));
  d.finalize();
  return d;
}

// How cuDNN calls the parts of each of the three operations.
struct Names {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t image, filter, result, convolution, alpha, beta;
};
Names names_of(Direction direction) {
  switch (direction) {
    case Direction::kBackpropInput:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case Direction::kBackpropFilter:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    case Direction::kForward: break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
}

Descriptor convolution_operation(Direction direction, const Descriptor& image, const Descriptor& filter,
                                 const Descriptor& result, const Descriptor& convolution, bool in_float64) {
  const Names names = names_of(direction);
  Descriptor op(names.operation);
  op.set(names.image, image);
  op.set(names.filter, filter);
  op.set(names.result, result);
  op.set(names.convolution, convolution);
  if (in_float64) {
    op.set(names.alpha, 1.0);
    op.set(names.beta, 0.0);
  } else {
    op.set(names.alpha, 1.0F);
    op.set(names.beta, 0.0F);  // what the result held before is not read
  }
  op.finalize();
  return op;
}

// y = x + b, or y = relu(x)
Descriptor pointwise_operation(cudnnPointwiseMode_t mode, cudnnDataType_t compute, const Descriptor& x,
                               const Descriptor* b, const Descriptor& y) {
  Descriptor pointwise(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  pointwise.set(CUDNN_ATTR_POINTWISE_MODE, mode);
  pointwise.set(CUDNN_ATTR_POINTWISE_MATH_PREC, compute);
  pointwise.finalize();
  Descriptor op(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise);
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  if (b != nullptr) op.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  op.finalize();
  return op;
}

}  // namespace

Descriptor operation_graph(const Convolution& c) {
  const ConvGeometry& g = c.geometry;
  const cudnnDataType_t type = data_type(c.dtype), compute = compute_type(c.dtype);
  const bool in_float64 = c.dtype == DType::kFloat64;
  const Four image_sizes = {g.batch, g.channels, g.rows.in, g.columns.in};
  const Four filter_sizes = {g.out_channels, g.group_in(), g.rows.window, g.columns.window};
  const Four result_sizes = {g.batch, g.out_channels, g.rows.out, g.columns.out};
  const Four result_strides = packed(result_sizes, g.data_format);

  const Descriptor image = tensor(kImage, type, image_sizes, packed(image_sizes, g.data_format));
  const Descriptor filter = tensor(kFilter, type, filter_sizes, packed(filter_sizes, g.data_format));
  const Descriptor result = tensor(kResult, type, result_sizes, result_strides);
  const Descriptor convolution = convolution_descriptor(g, compute);
  std::vector<Descriptor> operations;
  if (!c.bias) {
    operations.push_back(convolution_operation(c.direction, image, filter, result, convolution, in_float64));
  } else {
    // What one operation passes on to the next is never in memory.
    const Descriptor product = tensor(100, compute, result_sizes, result_strides, /*is_virtual=*/true);
    const Descriptor sum = c.relu ? tensor(101, compute, result_sizes, result_strides, /*is_virtual=*/true) : result;
    const Four bias_sizes = {1, g.out_channels, 1, 1};
    const Descriptor bias = tensor(kBias, type, bias_sizes, packed(bias_sizes, g.data_format));
    operations.push_back(convolution_operation(c.direction, image, filter, product, convolution, in_float64));
    operations.push_back(pointwise_operation(CUDNN_POINTWISE_ADD, compute, product, &bias, sum));
    if (c.relu) operations.push_back(pointwise_operation(CUDNN_POINTWISE_RELU_FWD, compute, sum, nullptr, result));
  }
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations);
  graph.finalize();
  return graph;
}

std::string key_of(const Convolution& c) {
  const ConvGeometry& g = c.geometry;
  const auto axis = [](const WindowAxis& a) {
    return fmt::format("{},{},{},{},{},{},{}", a.in, a.window, a.stride, a.dilation, a.pad_before, a.pad_after, a.out);
  };
  return fmt::format("{} {} {} {} {} {} {} [{}] [{}] {}{}", static_cast<int>(c.direction), dtype_name(c.dtype),
                     static_cast<int>(g.data_format), g.batch, g.channels, g.out_channels, g.groups, axis(g.rows),
                     axis(g.columns), c.bias ? "+bias" : "", c.relu ? "+relu" : "");
}

}  // namespace gradus::cudnn
