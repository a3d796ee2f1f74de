// The floating-point mode for those outside csrc/cpu/: the pool's workers, and the caller for the length of a call.
#include "core/dispatch.h"
#include "cpu/simd.h"

namespace fastcnn::cpu::FASTCNN_ISA {

unsigned long long set_flush_subnormals() {
  const unsigned long long before = float_mode();
  set_float_mode(before | flush_subnormals_bits);
  return before;
}

void restore_float_mode(unsigned long long mode) { set_float_mode(mode); }

}  // namespace fastcnn::cpu::FASTCNN_ISA
