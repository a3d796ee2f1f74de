// Which taps of a filter meet the image, for each output coordinate along one axis; and the classes of output pixels that this makes.
//
// Pixels whose windows meet the image in the same taps form a class: inside, all of them; at a border that was padded, fewer. A class
// shares its loop bounds, so a tile of its pixels multiplies no padding. Along one axis the taps of output o run over consecutive inputs
// from `in`:
//   forward:   tap t meets input o * stride - pad + t.
//   backward:  input h gets from tap t the output (h + pad - t) / stride where that divides: the taps of one residue ("phase"), in falling
//   order,
//              meet consecutive outputs. Tap number i of phase a counts from the highest: t = a + stride * (taps_of_phase - 1 - i).
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {

struct AxisEntry {
  int64_t out, in;              // this coordinate, and that of the first tap's partner
  int64_t phase, first, count;  // the taps: [first, first + count) of the phase
};

struct AxisGroup {
  int64_t begin, end;  // entries
  int64_t phase, first, count;
};

// All coordinates of one axis, sorted into groups that share their taps.
struct Axis {
  AxisEntry* entries;
  AxisGroup* groups;
  int64_t size, group_count;
};

// At most so many groups: each phase has one inside, one beyond each border, and at most one for each tap on either side.
FASTCNN_INLINE int64_t max_groups(int64_t size, int64_t taps, int64_t stride) { return min(size, 2 * taps + 3 * stride); }

FASTCNN_INLINE int64_t axis_scratch(int64_t size) { return Carver::bytes_of<AxisEntry>(size) + Carver::bytes_of<AxisGroup>(size); }

// The number of taps of a backward phase: those t in [0, taps) with t % stride == phase.
FASTCNN_INLINE int64_t taps_of_phase(int64_t taps, int64_t stride, int64_t phase) {
  return phase < taps ? ceil_div(taps - phase, stride) : 0;
}

[[maybe_unused]] static bool same_taps(const AxisEntry& a, const AxisEntry& b) {
  return a.phase == b.phase && a.first == b.first && a.count == b.count;
}

[[maybe_unused]] static bool before(const AxisEntry& a, const AxisEntry& b) {
  if (a.phase != b.phase) return a.phase < b.phase;
  if (a.first != b.first) return a.first < b.first;
  return a.count < b.count;
}

[[maybe_unused]] static void sort_into_groups(Axis& axis) {
  for (int64_t i = 1; i < axis.size; ++i) {
    const AxisEntry entry = axis.entries[i];
    int64_t place = i;
    for (; place > 0 && before(entry, axis.entries[place - 1]); --place) axis.entries[place] = axis.entries[place - 1];
    axis.entries[place] = entry;
  }
  axis.group_count = 0;
  for (int64_t i = 0; i < axis.size; ++i) {
    const AxisEntry& entry = axis.entries[i];
    if (i == 0 || !same_taps(entry, axis.entries[i - 1])) axis.groups[axis.group_count++] = {i, i, entry.phase, entry.first, entry.count};
    axis.groups[axis.group_count - 1].end = i + 1;
  }
}

// The output coordinates [0, outputs) over `inputs` input coordinates.
[[maybe_unused]] static Axis forward_axis(Carver& carver, int64_t outputs, int64_t inputs, int64_t taps, int64_t stride, int64_t pad) {
  Axis axis{carver.take<AxisEntry>(outputs), carver.take<AxisGroup>(outputs), outputs, 0};
  for (int64_t o = 0; o < outputs; ++o) {
    const int64_t start = o * stride - pad;
    const int64_t first = min(max(0, -start), taps), end = max(first, min(taps, inputs - start));
    axis.entries[o] = {o, start + first, 0, first, end - first};
  }
  sort_into_groups(axis);
  return axis;
}

// The input coordinates [0, inputs), each as the target of a gradient from `outputs` output coordinates.
[[maybe_unused]] static Axis backward_axis(Carver& carver, int64_t inputs, int64_t outputs, int64_t taps, int64_t stride, int64_t pad) {
  Axis axis{carver.take<AxisEntry>(inputs), carver.take<AxisGroup>(inputs), inputs, 0};
  int64_t entry = 0;  // phase by phase: then they are sorted already, but for those at the borders
  for (int64_t phase = 0; phase < stride; ++phase) {
    const int64_t phase_taps = taps_of_phase(taps, stride, phase), skip = pad % stride;
    for (int64_t h = (phase - skip + stride) % stride; h < inputs; h += stride) {
      const int64_t start = (h + pad) / stride - (phase_taps - 1);
      const int64_t first = min(max(0, -start), phase_taps), end = max(first, min(phase_taps, outputs - start));
      axis.entries[entry++] = {h, start + first, phase, first, end - first};
    }
  }
  sort_into_groups(axis);
  return axis;
}

// Walks over the pixels of a class, image after image, row after row.
struct PixelWalk {
  const Axis& rows;
  const Axis& columns;
  const AxisGroup& row_group;
  const AxisGroup& column_group;
  int64_t image, row, column;

  PixelWalk(const Axis& rows_, const Axis& columns_, const AxisGroup& row_group_, const AxisGroup& column_group_, int64_t pixel)
      : rows(rows_), columns(columns_), row_group(row_group_), column_group(column_group_) {
    const int64_t width = column_group.end - column_group.begin, area = width * (row_group.end - row_group.begin);
    image = pixel / area;
    row = row_group.begin + pixel % area / width;
    column = column_group.begin + pixel % area % width;
  }

  void advance() {
    if (++column < column_group.end) return;
    column = column_group.begin;
    if (++row < row_group.end) return;
    row = row_group.begin;
    ++image;
  }
};

FASTCNN_INLINE int64_t pixels_of(const AxisGroup& rows, const AxisGroup& columns) {
  return (rows.end - rows.begin) * (columns.end - columns.begin);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
