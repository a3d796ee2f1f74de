// The filters of a convolution as fprop finds them prepared: transformed for Winograd's tiles or, where there are none, packed into panels.
#pragma once

#include "cpu/sliding.h"
#include "cpu/winograd.h"

namespace fastcnn::cpu::FASTCNN_ISA {

FASTCNN_INLINE int64_t prepared_bytes(const Conv2d& conv, const Grid& grid) {
  const int64_t rows = conv.window.R * conv.window.S * conv.C;
  const int64_t floats = grid.m > 0 ? winograd::points_of(grid) * winograd::filter_step(conv) : packed_floats(rows, conv.K);
  return floats * static_cast<int64_t>(sizeof(float));
}

[[maybe_unused]] static void prepare_filters(const Conv2d& conv, const Grid& grid, const float* w, void* to) {
  auto* const panels = static_cast<float*>(to);
  const int64_t rows = conv.window.R * conv.window.S * conv.C;
  if (grid.m == 0) return pack_rows(w, 0, rows, rows, conv.K, panels);
  (grid.m == 4 ? winograd::transform_filters<4> : winograd::transform_filters<2>)(conv, w, 0, conv.C, panels);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
