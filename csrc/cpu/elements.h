// Loops over the elements of arrays, by vectors: memory traffic more than anything else, so chunks of 32 KB are handed out.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {

constexpr int64_t elements_of_a_chunk = 8192;

// to[i] = function(from[i]...) for i in [0, n), with function of vectors. `to` may be one of the others.
template <class Function, class... From>
static inline void map_elements(int64_t n, const Function& function, const Parallel& parallel, float* to, const From*... from) {
  parallel_for(parallel, ceil_div(n, elements_of_a_chunk), [&](int64_t task, int) {
    const int64_t end = min((task + 1) * elements_of_a_chunk, n);
    int64_t i = task * elements_of_a_chunk;
    for (; i + lanes <= end; i += lanes) store(to + i, function(load(from + i)...));
    if (i < end) store_first(to + i, function(load_first(from + i, end - i)...), end - i);
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
