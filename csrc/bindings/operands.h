// What the bindings of the operations share: how sizes, padding and optional arrays come in, and where scratch memory comes from.
#pragma once

#include <pybind11/stl.h>

#include <optional>
#include <variant>

#include "bindings/arrays.h"
#include "core/context.h"
#include "ops/window.h"

namespace fastcnn::bindings {

using Pair = std::array<int64_t, 2>;
using PaddingArgument = std::variant<std::string, std::array<int64_t, 4>>;

inline Padding padding_of(const char* operation, const PaddingArgument& padding) {
  if (const auto* name = std::get_if<std::string>(&padding)) return parse_padding(operation, name->c_str());
  return {Padding::Kind::explicit_, std::get<std::array<int64_t, 4>>(padding)};
}

// Scratch memory for direct calls, kept by each thread that makes them.
inline Context& context() {
  thread_local Context context;
  return context;
}

// The data of an optional array, null for None.
inline const float* data_of(const std::optional<Floats>& array) { return array ? array->data() : nullptr; }

inline void check_shape(const char* operation, const char* name, const Shape& shape, const Shape& wanted) {
  if (shape != wanted) reject(operation, name, " must have shape ", wanted.str(), ", but has shape ", shape.str());
}

// A shape given as a tuple: argument `name`, whose four axes are `letters`.
inline Shape shape_of_tuple(const char* operation, const char* name, const char* letters, const std::vector<int64_t>& extents) {
  if (extents.size() != 4) reject(operation, name, " must be (", letters, "), but has ", extents.size(), " numbers");
  for (int64_t extent : extents)
    if (extent < 0) reject(operation, name, " must not be negative, but holds ", extent);
  return {extents[0], extents[1], extents[2], extents[3]};
}

}  // namespace fastcnn::bindings
