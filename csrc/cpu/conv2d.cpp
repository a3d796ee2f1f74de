// conv2d forward and its gradient by x (ops/conv2d.h has the mathematics): by Winograd's tiles where that pays (winograd.h), else one
// sliding product, run over different taps.
//
//   fprop: out = y, in = x,  columns = K, length = taps * C, weights w[r,s,c,k] as they are.
//   dgrad: out = dx, in = dy, columns = C, length = taps * K, weights transposed and flipped, one set for each phase of the stride.
//
// In phases: sort the output pixels into classes that share their taps (taps.h); lay the weights out in panels of tile_columns, so that the
// panel of one block of columns (R*S*C*32 floats; 36 KB in the second layer of the tutorial's network) stays in the L1 cache while a task's
// pixels pass; then tasks, each some pixels of one class times one block of columns, tile by tile (tile.h). Dense layers are the case H = W
// = R = S = 1.
#include "ops/conv2d.h"

#include "cpu/laid_out.h"
#include "cpu/prepared_filters.h"
#include "cpu/sliding.h"
#include "cpu/winograd_gradients.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

// Some tiles of one class, cut into tasks: about those of one worker's images.
struct Portion {
  PixelClass cls;
  int64_t first_tile, end_tile, tiles_per_task, first_task;
};

// Runs all classes. weights_of(worker) says where the weights are, panel_row_of(rows, columns) and tap_stride_of(columns) say where a
// class's weights begin, and the rows between two of its filter rows. The tasks go through the images in their order, portion by portion,
// so that a worker, whose share is one stretch of the tasks, finds in its cache what the last operation left there of the same images. A
// class too small for that is one portion.
template <class Weights, class PanelRow, class TapStride>
void run(const SlidingProduct& sliding, Portion* portions, const Weights& weights_of, const PanelRow& panel_row_of,
         const TapStride& tap_stride_of, const Parallel& parallel) {
  const int64_t blocks = blocks_of(sliding.out_channels);
  int64_t portion_count = 0, tasks = 0;
  for (int64_t worker = 0; worker < parallel.workers; ++worker) {
    for (int64_t i = 0; i < sliding.rows.group_count; ++i) {
      for (int64_t j = 0; j < sliding.columns.group_count; ++j) {
        const AxisGroup &rows = sliding.rows.groups[i], &columns = sliding.columns.groups[j];
        const PixelClass cls = pixel_class(sliding, rows, columns, panel_row_of(rows, columns), tap_stride_of(columns));
        const int64_t tile_work = max(cls.product.taps * cls.product.length, 16) * tile_rows * min(sliding.out_channels, tile_columns);
        const int64_t tiles_per_task = ceil_div(task_work, tile_work), parts = min(parallel.workers, ceil_div(cls.tiles, tiles_per_task));
        if (worker >= parts) continue;
        const int64_t first_tile = cls.tiles * worker / parts, end_tile = cls.tiles * (worker + 1) / parts;
        portions[portion_count++] = {cls, first_tile, end_tile, tiles_per_task, tasks};
        tasks += ceil_div(end_tile - first_tile, tiles_per_task) * blocks;
      }
    }
  }
  parallel_for(parallel, tasks, [&](int64_t task, int worker) {
    int64_t low = 0, high = portion_count - 1;  // the last portion that begins at or before this task
    while (low < high) {
      const int64_t middle = (low + high + 1) / 2;
      if (portions[middle].first_task <= task)
        low = middle;
      else
        high = middle - 1;
    }
    const Portion& portion = portions[low];
    const int64_t chunk = (task - portion.first_task) / blocks, first_tile = portion.first_tile + chunk * portion.tiles_per_task;
    SlidingProduct of_worker = sliding;
    of_worker.weights = weights_of(worker);
    run_tiles(of_worker, portion.cls, (task - portion.first_task) % blocks, first_tile,
              min(first_tile + portion.tiles_per_task, portion.end_tile));
  });
}

int64_t max_portions(const Window& win, int64_t height, int64_t width, int workers) {
  return workers * max_groups(height, win.R, win.stride_h) * max_groups(width, win.S, win.stride_w);
}
int64_t portions_bytes(const Window& win, int64_t height, int64_t width, int workers) {
  return Carver::bytes_of<Portion>(max_portions(win, height, width, workers));
}

// One tap of the transposed weights, in the panel of one block of C: its rows [begin, begin + K) are w[tap][c][k] with c and k exchanged.
void pack_transposed(const float* w, int64_t begin, int64_t rows, int64_t block, int64_t C, int64_t K, float* panels) {
  const int64_t width = panel_width(C, block), first = block * tile_columns;
  float* const panel = panels + first * rows + begin * width;
  for (int64_t column = 0; column < width; column += lanes) {
    for (int64_t k = 0; k < K; k += lanes) {
      const int64_t count = min(lanes, K - k);
      Vec square[lanes];
      for (int64_t i = 0; i < lanes; ++i) {
        const int64_t c = first + column + i;
        square[i] = c < C ? load_lanes(w + c * K + k, count) : Vec{};
      }
      transpose(square);
      for (int64_t i = 0; i < count; ++i) store(panel + (k + i) * width + column, square[i]);
    }
  }
}

// As they were prepared, or as they pay for this batch.
Grid tiles_of(Conv2d conv, const Filters& filters = {nullptr}) {
  if (filters.prepared != nullptr) conv.N = filters.images;
  return winograd::grid(conv, conv.window.P, conv.window.Q, winograd::of_pixels);
}

// Hands a tile's outputs out, as they are.
template <int M>
void fprop_by_tiles(const Conv2d& conv, const Grid& grid, const float* x, const Filters& filters, const float* b, float* y, void* scratch,
                    const Parallel& parallel) {
  const Window& win = conv.window;
  winograd::fprop<M>(
      conv, grid, x, filters, b, scratch, parallel, [&](const Tile& tile, int64_t k, int64_t count, const Vec(&outputs)[M* M]) {
#pragma GCC unroll 16
        for (int64_t o = 0; o < M * M; ++o) {
          const int64_t p = M * tile.row + o / M, q = M * tile.column + o % M;
          if (p < win.P && q < win.Q)
            store_lanes(y + ((tile.n * win.P + p) * win.Q + q) * conv.K + k, conv.relu ? cut(outputs[o]) : outputs[o], count);
        }
      });
}

}  // namespace

int64_t conv2d_prepared_bytes(const Conv2d& conv) { return prepared_bytes(conv, tiles_of(conv)); }

void conv2d_prepare(const Conv2d& conv, const float* w, void* to) { prepare_filters(conv, tiles_of(conv), w, to); }

int64_t conv2d_fprop_scratch(const Conv2d& conv, const Filters& filters, int workers) {
  const Window& win = conv.window;
  if (const Grid grid = tiles_of(conv, filters); grid.m > 0) return winograd::scratch(conv, grid, workers);
  return axis_scratch(win.P) + axis_scratch(win.Q) + portions_bytes(win, win.P, win.Q, workers) +
         laid_out_bytes(packed_floats(win.R * win.S * conv.C, conv.K), workers);
}

void conv2d_fprop(const Conv2d& conv, const float* x, const Filters& filters, const float* b, float* y, void* scratch,
                  const Parallel& parallel) {
  const Window& win = conv.window;
  if (const Grid grid = tiles_of(conv, filters); grid.m > 0) {
    (grid.m == 4 ? fprop_by_tiles<4> : fprop_by_tiles<2>)(conv, grid, x, filters, b, y, scratch, parallel);
    return;
  }
  Carver carver(scratch);
  SlidingProduct sliding{conv.N, win.W, conv.C,    win.Q, conv.K, win.H * win.W * conv.C, win.P * win.Q * conv.K, {}, {}, x,
                         y,      b,     filters.w, 0,     conv.K};
  sliding.relu = conv.relu;
  sliding.rows = forward_axis(carver, win.P, win.H, win.R, win.stride_h, win.top);
  sliding.columns = forward_axis(carver, win.Q, win.W, win.S, win.stride_w, win.left);
  Portion* portions = carver.take<Portion>(max_portions(win, win.P, win.Q, parallel.workers));

  const auto panel_row = [&](const AxisGroup& rows, const AxisGroup& columns) { return (rows.first * win.S + columns.first) * conv.C; };
  const auto tap_stride = [&](const AxisGroup&) { return win.S * conv.C; };
  // Packing pays when a panel is read often enough; it must be done where the last vector would reach past the end of w.
  const bool few_tiles = filters.prepared == nullptr && conv.N * win.P * win.Q < 8 * tile_rows;
  if (few_tiles && conv.K % lanes == 0) return run(sliding, portions, [&](int) { return filters.w; }, panel_row, tap_stride, parallel);
  const int64_t rows = win.R * win.S * conv.C;
  const RowsInParts some_rows{filters.w, rows, conv.K};
  const LaidOut panels(filters.prepared, carver, packed_floats(rows, conv.K), some_rows.parts(), parallel, some_rows);
  sliding.panel_rows = rows;
  sliding.weight_step = 0;
  run(sliding, portions, [&](int worker) { return panels.of(worker); }, panel_row, tap_stride, parallel);
}

int64_t conv2d_dgrad_scratch(const Conv2d& conv, int workers) {
  const Window& win = conv.window;
  if (const Grid grid = winograd::dgrad_grid(conv); grid.m > 0) return winograd::dgrad_scratch(conv, grid, workers);
  return axis_scratch(win.H) + axis_scratch(win.W) + portions_bytes(win, win.H, win.W, workers) +
         laid_out_bytes(packed_floats(win.R * win.S * conv.K, conv.C), workers);
}

void conv2d_dgrad(const Conv2d& conv, const float* dy, const float* w, float* dx, void* scratch, const Parallel& parallel) {
  const Window& win = conv.window;
  if (const Grid grid = winograd::dgrad_grid(conv); grid.m > 0) {
    (grid.m == 4 ? winograd::dgrad<4, OutputGradients> : winograd::dgrad<2, OutputGradients>)(conv, grid, winograd::gradients_of(conv, dy),
                                                                                              w, dx, scratch, parallel);
    return;
  }
  Carver carver(scratch);
  SlidingProduct sliding{conv.N, win.Q,   conv.K,  win.W, conv.C, win.P * win.Q * conv.K, win.H * win.W * conv.C, {}, {}, dy,
                         dx,     nullptr, nullptr, 0,     0};
  sliding.rows = backward_axis(carver, win.H, win.P, win.R, win.stride_h, win.top);
  sliding.columns = backward_axis(carver, win.W, win.Q, win.S, win.stride_w, win.left);
  Portion* portions = carver.take<Portion>(max_portions(win, win.H, win.W, parallel.workers));

  // The taps of a phase pair lie together in the panels: phase by phase, then falling r, then falling s.
  const auto first_tap = [&](int64_t phase_h, int64_t phase_w) {
    int64_t taps = 0;
    for (int64_t p = 0; p < phase_h; ++p) taps += taps_of_phase(win.R, win.stride_h, p) * win.S;
    for (int64_t p = 0; p < phase_w; ++p) taps += taps_of_phase(win.R, win.stride_h, phase_h) * taps_of_phase(win.S, win.stride_w, p);
    return taps;
  };
  const int64_t taps = win.R * win.S, rows = taps * conv.K;
  const int64_t blocks = blocks_of(conv.C);
  const auto one_tap = [&](int64_t part, float* to) {
    const int64_t tap = part / blocks, block = part % blocks;
    const int64_t r = tap / win.S, s = tap % win.S, phase_h = r % win.stride_h, phase_w = s % win.stride_w;
    const int64_t taps_w = taps_of_phase(win.S, win.stride_w, phase_w);
    const int64_t i = taps_of_phase(win.R, win.stride_h, phase_h) - 1 - r / win.stride_h, j = taps_w - 1 - s / win.stride_w;
    const int64_t begin = (first_tap(phase_h, phase_w) + i * taps_w + j) * conv.K;
    pack_transposed(w + tap * conv.C * conv.K, begin, rows, block, conv.C, conv.K, to);
  };
  const LaidOut panels(nullptr, carver, packed_floats(rows, conv.C), taps * blocks, parallel, one_tap);
  sliding.panel_rows = rows;
  const auto panel_row = [&](const AxisGroup& h, const AxisGroup& v) {
    return (first_tap(h.phase, v.phase) + h.first * taps_of_phase(win.S, win.stride_w, v.phase) + v.first) * conv.K;
  };
  run(
      sliding, portions, [&](int worker) { return panels.of(worker); }, panel_row,
      [&](const AxisGroup& v) { return taps_of_phase(win.S, win.stride_w, v.phase) * conv.K; }, parallel);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
