#include "ops/window.h"

#include <algorithm>

#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {

Window resolve_window(const char* operation, const char* window_name, int64_t H, int64_t W, std::array<int64_t, 2> window,
                      std::array<int64_t, 2> stride, const Padding& padding) {
  const Shape window_shape = {window[0], window[1]}, stride_shape = {stride[0], stride[1]}, image = {H, W};
  if (window[0] < 1 || window[1] < 1)
    reject(operation, window_name, " must be at least 1 in height and width, but is ", window_shape.str());
  if (stride[0] < 1 || stride[1] < 1) reject(operation, "stride must be at least 1 in height and width, but is ", stride_shape.str());

  const auto& [top, bottom, left, right] = padding.amounts;
  // Beyond that, sums and products of extents could overflow.
  constexpr int64_t largest = int64_t{1} << 31;
  if (std::max({H, W}) > largest) reject(operation, "x's images ", image.str(), " are larger than 2^31 pixels along an axis");
  if (std::max({window[0], window[1]}) > largest && padding.kind == Padding::Kind::same)
    reject(operation, window_name, " ", window_shape.str(), " is larger than 2^31");
  if (std::max({stride[0], stride[1]}) > largest) reject(operation, "stride ", stride_shape.str(), " is larger than 2^31");
  if (std::max({top, bottom, left, right}) > largest)
    reject(operation, "padding ((", top, ", ", bottom, "), (", left, ", ", right, ")) is larger than 2^31");
  Window resolved{H, W, window[0], window[1], stride[0], stride[1], 0, 0, 0, 0};
  if (padding.kind == Padding::Kind::same) {
    resolved.P = (H + stride[0] - 1) / stride[0];
    resolved.Q = (W + stride[1] - 1) / stride[1];
    resolved.top = std::max<int64_t>((resolved.P - 1) * stride[0] + window[0] - H, 0) / 2;
    resolved.left = std::max<int64_t>((resolved.Q - 1) * stride[1] + window[1] - W, 0) / 2;
    return resolved;
  }
  int64_t padded_h = H, padded_w = W;
  if (padding.kind == Padding::Kind::explicit_) {
    if (std::min({top, bottom, left, right}) < 0)
      reject(operation, "padding must not be negative, but is ((", top, ", ", bottom, "), (", left, ", ", right, "))");
    resolved.top = top;
    resolved.left = left;
    padded_h += top + bottom;
    padded_w += left + right;
  }
  if (window[0] > padded_h || window[1] > padded_w) {
    const Shape padded = {padded_h, padded_w};
    reject(operation, window_name, " ", window_shape.str(), " is larger than the ", padded == image ? "" : "padded ", "image ",
           padded.str());
  }
  resolved.P = (padded_h - window[0]) / stride[0] + 1;
  resolved.Q = (padded_w - window[1]) / stride[1] + 1;
  return resolved;
}

void check_images(const char* operation, const char* name, const Shape& images) {
  if (images.rank() != 4) reject(operation, name, " must have shape (N, H, W, C), but has shape ", images.str());
  constexpr int64_t longest = int64_t{1} << 31, most = int64_t{1} << 60;
  int64_t elements = 1;
  for (int axis = 0; axis < 4; ++axis) {
    if (images[axis] > 0 && elements > most / images[axis]) reject(operation, name, " ", images.str(), " has more than 2^60 values");
    elements *= images[axis];
  }
  if (std::max(images[1], images[2]) > longest)
    reject(operation, name, "'s images ", Shape{images[1], images[2]}.str(), " are larger than 2^31 pixels along an axis");
}

std::array<int64_t, 2> pair(const char* operation, const Attributes& attributes, const char* name) {
  const std::vector<int64_t>& values = attributes.integers(name);
  if (values.size() != 2) reject(operation, name, " must be two integers, but there are ", values.size());
  return {values[0], values[1]};
}

Padding parse_padding(const char* operation, const char* name) {
  const std::string kind = name;
  if (kind == "valid") return {Padding::Kind::valid, {}};
  if (kind == "same") return {Padding::Kind::same, {}};
  reject(operation, "padding must be 'valid', 'same' or ((top, bottom), (left, right)), but is '", name, "'");
}

Padding padding_of(const char* operation, const Attributes& attributes, const char* attribute) {
  if (const auto* name = std::get_if<std::string>(&attributes[attribute])) return parse_padding(operation, name->c_str());
  const std::vector<int64_t>& amounts = attributes.integers(attribute);
  if (amounts.size() != 4) reject(operation, "padding must be ((top, bottom), (left, right)), but has ", amounts.size(), " numbers");
  return {Padding::Kind::explicit_, {amounts[0], amounts[1], amounts[2], amounts[3]}};
}

void cut_outputs(const char* operation, const Attributes& attributes, Window& window) {
  if (!attributes.has("outputs")) return;
  const auto [rows, columns] = pair(operation, attributes, "outputs");
  if (rows < 1 || columns < 1 || rows > window.P || columns > window.Q)
    reject(operation, "outputs must be within ", Shape{window.P, window.Q}.str(), ", but are ", Shape{rows, columns}.str());
  window.P = rows;
  window.Q = columns;
}

}  // namespace fastcnn
