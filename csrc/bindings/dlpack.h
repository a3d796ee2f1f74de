// DLPack's memory layout, versions 0 and 1: how array libraries hand each other their memory. Source: https://dmlc.github.io/dlpack/latest/
#pragma once

#include <cstdint>

namespace fastcnn::bindings::dlpack {

constexpr int32_t cpu = 1, cuda = 2, cuda_host = 3;             // device types
constexpr uint8_t integer = 0, unsigned_integer = 1, real = 2;  // type codes
constexpr uint64_t read_only = 1;                               // flags

struct Device {
  int32_t type;
  int32_t id;
};

struct DataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

struct Array {
  void* data;
  Device device;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null for C order
  uint64_t byte_offset;
};

struct Managed {
  static constexpr const char *capsule = "dltensor", *used = "used_dltensor";
  Array array;
  void* context;
  void (*deleter)(Managed*);
};

struct ManagedVersioned {
  static constexpr const char *capsule = "dltensor_versioned", *used = "used_dltensor_versioned";
  struct {
    uint32_t major, minor;
  } version;
  void* context;
  void (*deleter)(ManagedVersioned*);
  uint64_t flags;
  Array array;
};

}  // namespace fastcnn::bindings::dlpack
