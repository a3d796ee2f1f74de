// One of the three places that know which instruction sets exist (the others: cpu/simd.h with small_integers.h, cuda/ptx.cuh).
//
//   FASTCNN_KERNEL(void, relu_forward, (int64_t n, const float* x, float* y, const Parallel& parallel))
// declares a kernel once for every instruction set this library is built with, and for CUDA where that is built, and
//   FASTCNN_DISPATCH(context, relu_forward)(n, x, y, context.parallel())
// calls that of the context's device, on the CPU the one that was chosen. A kernel lies in fastcnn::cpu::<instruction set>, compiled once
// for each, or in fastcnn::cuda (CMakeLists.txt).
#pragma once

#include "core/parallel.h"

namespace fastcnn {

enum class Isa { baseline, avx2, avx512 };

namespace dispatch {

// The instruction set in use: the highest that the processor has, or a lower one named by FASTCNN_ISA when the library was loaded.
Isa isa();
// Lets subnormal numbers count as zero on this thread while one lives (they cost a hundred times as much), then restores the mode.
class FlushSubnormals {
 public:
  FlushSubnormals();
  ~FlushSubnormals();
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  unsigned long long saved_;
};

}  // namespace dispatch
}  // namespace fastcnn

#if FASTCNN_HAS_CUDA
#define FASTCNN_CUDA_KERNEL(result, name, arguments) \
  namespace fastcnn::cuda {                          \
  result name arguments;                             \
  }
#define FASTCNN_OF_DEVICE(context, name, on_cpu) ((context).device.is_cpu() ? on_cpu : ::fastcnn::cuda::name)
#else
#define FASTCNN_CUDA_KERNEL(result, name, arguments)
#define FASTCNN_OF_DEVICE(context, name, on_cpu) (static_cast<void>(context), on_cpu)
#endif

// CMakeLists.txt defines FASTCNN_HAS_AVX2 and FASTCNN_HAS_AVX512 where these are built.
#if FASTCNN_HAS_AVX2
#define FASTCNN_OR_AVX2(name, otherwise) (::fastcnn::dispatch::isa() == ::fastcnn::Isa::avx2 ? ::fastcnn::cpu::avx2::name : otherwise)
#else
#define FASTCNN_OR_AVX2(name, otherwise) otherwise
#endif
#if FASTCNN_HAS_AVX512
#define FASTCNN_OR_AVX512(name, otherwise) (::fastcnn::dispatch::isa() == ::fastcnn::Isa::avx512 ? ::fastcnn::cpu::avx512::name : otherwise)
#else
#define FASTCNN_OR_AVX512(name, otherwise) otherwise
#endif
#define FASTCNN_OF_ISA(name) FASTCNN_OR_AVX512(name, FASTCNN_OR_AVX2(name, ::fastcnn::cpu::baseline::name))

#if defined(__x86_64__)
#define FASTCNN_KERNEL(result, name, arguments) \
  namespace fastcnn::cpu::baseline {            \
  result name arguments;                        \
  }                                             \
  namespace fastcnn::cpu::avx2 {                \
  result name arguments;                        \
  }                                             \
  namespace fastcnn::cpu::avx512 {              \
  result name arguments;                        \
  }                                             \
  FASTCNN_CUDA_KERNEL(result, name, arguments)
#else
#define FASTCNN_KERNEL(result, name, arguments) \
  namespace fastcnn::cpu::baseline {            \
  result name arguments;                        \
  }                                             \
  FASTCNN_CUDA_KERNEL(result, name, arguments)
#endif
#define FASTCNN_DISPATCH(context, name) (::fastcnn::dispatch::FlushSubnormals(), FASTCNN_OF_DEVICE(context, name, FASTCNN_OF_ISA(name)))

// The floating-point mode of the calling thread, as the processor keeps it; set returns the one before.
FASTCNN_KERNEL(unsigned long long, set_flush_subnormals, ())
FASTCNN_KERNEL(void, restore_float_mode, (unsigned long long mode))
