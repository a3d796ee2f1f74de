// Leaving Python for a while, and coming back with its KeyboardInterrupt.
#pragma once

#include <pybind11/pybind11.h>

#include <stdexcept>

#include "core/errors.h"
#include "core/pool.h"

namespace fastcnn::bindings {

// Runs `work` without the GIL. If it was interrupted, throws the KeyboardInterrupt that the check (system.cpp) has left pending.
template <class Work>
void without_gil(const Work& work) {
  if (pool::asking_for_interrupt())
    throw std::runtime_error("fastcnn: called from a signal handler while an operation of the same thread runs");
  pool::forget_interrupt();  // of an operation that ended in another error
  try {
    pybind11::gil_scoped_release released;
    work();
    pool::throw_if_interrupted();
  } catch (const Interrupted&) {
    throw pybind11::error_already_set();
  }
}

}  // namespace fastcnn::bindings
