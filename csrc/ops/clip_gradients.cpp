#include "ops/clip_gradients.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/context.h"
#include "core/errors.h"

namespace fastcnn {
namespace {

constexpr int64_t slab_floats = 4096;

struct Named {
  const char* name;
  Clipping::Kind kind;
};
constexpr Named kinds[] = {
    {"clipvalue", Clipping::Kind::value}, {"clipnorm", Clipping::Kind::norm}, {"global_clipnorm", Clipping::Kind::global_norm}};

}  // namespace

Clipping clipping(const char* name, double limit) {
  const Named* const found =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const Named& each) { return std::strcmp(each.name, name) == 0; });
  if (found == std::end(kinds)) reject("clip_gradients", "there is no clipping named '", name, "'");
  if (!(limit > 0 && std::isfinite(limit))) reject("clip_gradients", name, " must be finite and above 0, but is ", limit);
  return {found->kind, static_cast<float>(limit)};
}

AlignedBlock clip_slabs(const Clipping& clipping, int64_t n, const Range* parts, int64_t count, Device device) {
  std::vector<ClipSlab> slabs;
  int64_t end = 0;
  for (int64_t part = 0; part < count; ++part) {
    const Range& range = parts[part];
    if (range.offset < end || range.size < 0 || range.size > n - range.offset)
      reject("clip_gradients", "parts must lie in their order in ", n, " floats and not overlap, but one has offset ", range.offset,
             " and size ", range.size);
    end = range.offset + range.size;
    const auto first = static_cast<int64_t>(slabs.size()), last = first + (range.size + slab_floats - 1) / slab_floats;
    for (int64_t at = range.offset; at < end; at += slab_floats) slabs.push_back({{at, std::min(slab_floats, end - at)}, first, last});
  }
  if (clipping.kind == Clipping::Kind::global_norm) {
    for (ClipSlab& slab : slabs) {
      slab.first = 0;
      slab.last = static_cast<int64_t>(slabs.size());
    }
  }
  AlignedBlock there(slabs.size() * sizeof(ClipSlab), device);
  if (!slabs.empty()) device::copy_in(device, there.data(), slabs.data(), there.bytes());
  return there;
}

void clip_gradients(Context& context, const Clipping& clipping, const AlignedBlock& slabs, float* gradients) {
  const auto count = static_cast<int64_t>(slabs.bytes() / sizeof(ClipSlab));
  auto* const sums = static_cast<double*>(context.scratch(count * static_cast<int64_t>(sizeof(double))));
  FASTCNN_DISPATCH(context, clip_gradients)(clipping, count, static_cast<const ClipSlab*>(slabs.data()), gradients, sums,
                                            context.parallel());
}

}  // namespace fastcnn
