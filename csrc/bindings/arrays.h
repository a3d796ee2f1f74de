// numpy arrays at the border: the public functions of ops/ have already made them dense and of the right type.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "core/errors.h"
#include "core/types.h"

namespace fastcnn::bindings {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style>;
using Floats = Array<float>;

inline Shape shape_of(const char* operation, const py::array& array) {
  if (array.ndim() > Shape::max_rank) reject(operation, "an array has ", array.ndim(), " axes, more than ", Shape::max_rank);
  Shape shape;
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) shape.append(array.shape(axis));
  return shape;
}

template <class T>
Array<T> new_array(const Shape& shape) {
  std::vector<py::ssize_t> extents;
  for (int axis = 0; axis < shape.rank(); ++axis) extents.push_back(shape[axis]);
  return Array<T>(extents);
}

}  // namespace fastcnn::bindings
