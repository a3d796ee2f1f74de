// The transforms of Winograd's algorithm for filters of 3 taps: F(2, 3) at the points 0, 1, -1 and infinity, and F(4, 3) at 0, a, -a, b, -b
// and infinity. Along one axis, of a filter g, inputs d, and products m = u * v:
//
//   u = G g       v = B' d       outputs = A' m
//
// and the other way, for gradients, with the transposed matrices. The numbers of values say which: 4 points make 2 outputs, 6 make 4.
//
// a = 3/4 and b = 3/2 instead of the usual 1 and 2: all of B' and A' is exact in binary, and the numbers in them are more alike, which
// leaves a fifth of the error (root of the mean square 1e-6 of the outputs' with 32 channels; the direct sum's is 0.4e-6).
// Source: Lavin and Gray 2016, "Fast algorithms for convolutional neural networks"; for the points Barabasz et al. 2020, "Error analysis
// and improving the accuracy of Winograd convolution for deep neural networks".
#pragma once

#include "cpu/simd.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace winograd {

constexpr float point_a = 0.75f, point_b = 1.5f, aa = point_a * point_a, bb = point_b * point_b;
constexpr float of_a = 1 / (2 * aa * (aa - bb)), of_b = 1 / (2 * bb * (bb - aa));  // 1 / the product of a point's distances from the others

// G = (1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1).
struct OfFilter {
  FASTCNN_INLINE void apply(const Vec (&g)[3], Vec (&u)[4]) {
    const Vec ends = (g[0] + g[2]) * 0.5f, middle = g[1] * 0.5f;
    u[0] = g[0];
    u[1] = ends + middle;
    u[2] = ends - middle;
    u[3] = g[2];
  }

  // A row of a point p: (1 p p^2) / the product of its distances from the other points.
  FASTCNN_INLINE void apply(const Vec (&g)[3], Vec (&u)[6]) {
    const Vec ends_a = (g[0] + g[2] * aa) * of_a, middle_a = g[1] * (point_a * of_a), ends_b = (g[0] + g[2] * bb) * of_b,
              middle_b = g[1] * (point_b * of_b);
    u[0] = g[0] * (1 / (aa * bb));
    u[1] = ends_a + middle_a;
    u[2] = ends_a - middle_a;
    u[3] = ends_b + middle_b;
    u[4] = ends_b - middle_b;
    u[5] = g[2];
  }
};

// B' = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1).
struct OfPatch {
  FASTCNN_INLINE void apply(const Vec (&d)[4], Vec (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }

  // A row of a point p: the coefficients of the product of (x - q) over the other points q.
  FASTCNN_INLINE void apply(const Vec (&d)[6], Vec (&v)[6]) {
    const Vec even_a = d[4] - d[2] * bb, odd_a = (d[3] - d[1] * bb) * point_a, even_b = d[4] - d[2] * aa,
              odd_b = (d[3] - d[1] * aa) * point_b;
    v[0] = d[4] - d[2] * (aa + bb) + d[0] * (aa * bb);
    v[1] = even_a + odd_a;
    v[2] = even_a - odd_a;
    v[3] = even_b + odd_b;
    v[4] = even_b - odd_b;
    v[5] = d[5] - d[3] * (aa + bb) + d[1] * (aa * bb);
  }
};

// A' = (1 1 1 0; 0 1 -1 -1).
struct OfProducts {
  FASTCNN_INLINE void apply(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }

  // A column of a point p: (1 p p^2 p^3).
  FASTCNN_INLINE void apply(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec even_a = m[1] + m[2], odd_a = (m[1] - m[2]) * point_a, even_b = m[3] + m[4], odd_b = (m[3] - m[4]) * point_b;
    y[0] = m[0] + even_a + even_b;
    y[1] = odd_a + odd_b;
    y[2] = even_a * aa + even_b * bb;
    y[3] = odd_a * aa + odd_b * bb + m[5];
  }
};

// A, (B')' and G': the way back.
struct OfOutputs {
  FASTCNN_INLINE void apply(const Vec (&y)[2], Vec (&m)[4]) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = -y[1];
  }

  FASTCNN_INLINE void apply(const Vec (&y)[4], Vec (&m)[6]) {
    const Vec even_a = y[0] + y[2] * aa, odd_a = (y[1] + y[3] * aa) * point_a, even_b = y[0] + y[2] * bb,
              odd_b = (y[1] + y[3] * bb) * point_b;
    m[0] = y[0];
    m[1] = even_a + odd_a;
    m[2] = even_a - odd_a;
    m[3] = even_b + odd_b;
    m[4] = even_b - odd_b;
    m[5] = y[3];
  }
};

struct BackToPatch {
  FASTCNN_INLINE void apply(const Vec (&v)[4], Vec (&d)[4]) {
    d[0] = v[0];
    d[1] = v[1] - v[2] + v[3];
    d[2] = v[1] + v[2] - v[0];
    d[3] = -v[3];
  }

  FASTCNN_INLINE void apply(const Vec (&v)[6], Vec (&d)[6]) {
    const Vec sum_a = v[1] + v[2], difference_a = (v[1] - v[2]) * point_a, sum_b = v[3] + v[4], difference_b = (v[3] - v[4]) * point_b;
    d[0] = v[0] * (aa * bb);
    d[1] = v[5] * (aa * bb) - difference_a * bb - difference_b * aa;
    d[2] = -(v[0] * (aa + bb) + sum_a * bb + sum_b * aa);
    d[3] = difference_a + difference_b - v[5] * (aa + bb);
    d[4] = v[0] + sum_a + sum_b;
    d[5] = v[5];
  }
};

struct BackToFilter {
  FASTCNN_INLINE void apply(const Vec (&u)[4], Vec (&g)[3]) {
    const Vec ends = (u[1] + u[2]) * 0.5f;
    g[0] = u[0] + ends;
    g[1] = (u[1] - u[2]) * 0.5f;
    g[2] = u[3] + ends;
  }

  FASTCNN_INLINE void apply(const Vec (&u)[6], Vec (&g)[3]) {
    const Vec sum_a = (u[1] + u[2]) * of_a, sum_b = (u[3] + u[4]) * of_b;
    g[0] = u[0] * (1 / (aa * bb)) + sum_a + sum_b;
    g[1] = (u[1] - u[2]) * (point_a * of_a) + (u[3] - u[4]) * (point_b * of_b);
    g[2] = sum_a * aa + sum_b * bb + u[5];
  }
};

// A transform along both axes: `from(i, j)` gives an entry, `to(i, j, value)` takes one.
template <class Transform, int From, int To, class Give, class Take>
FASTCNN_INLINE void along_both_axes(const Give& from, const Take& to) {
  Vec half[From][To];
#pragma GCC unroll 6
  for (int i = 0; i < From; ++i) {
    Vec row[From];
#pragma GCC unroll 6
    for (int j = 0; j < From; ++j) row[j] = from(i, j);
    Transform::apply(row, half[i]);
  }
#pragma GCC unroll 6
  for (int j = 0; j < To; ++j) {
    Vec column[From], done[To];
#pragma GCC unroll 6
    for (int i = 0; i < From; ++i) column[i] = half[i][j];
    Transform::apply(column, done);
#pragma GCC unroll 6
    for (int i = 0; i < To; ++i) to(i, j, done[i]);
  }
}

}  // namespace winograd
}  // namespace fastcnn::cpu::FASTCNN_ISA
