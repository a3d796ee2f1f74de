// The parts of the extension module, one file each.
#pragma once

#include <pybind11/pybind11.h>

namespace fastcnn::bindings {

void add_system(pybind11::module_& module);         // threads, instruction sets, random numbers, what this build is
void add_operations(pybind11::module_& module);     // the operations on arrays
void add_convolutions(pybind11::module_& module);   // of these, the convolutions and dense layers; add_operations calls it
void add_normalization(pybind11::module_& module);  // of these, batch_norm; add_operations calls it
void add_spatial(pybind11::module_& module);        // of these, those on images channel by channel; add_operations calls it
void add_training(pybind11::module_& module);       // of these, the losses and optimizers; add_operations calls it
void add_augmentation(pybind11::module_& module);   // of these, what changes pictures at random; add_operations calls it
void add_tensor(pybind11::module_& module);         // arrays on a device
void add_plan(pybind11::module_& module);           // the runtime

}  // namespace fastcnn::bindings
