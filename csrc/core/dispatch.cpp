#include "core/isa.h"

#include <cstdlib>

#include "core/errors.h"
#include "core/pool.h"

namespace fastcnn::dispatch {
namespace {

std::vector<Isa> runnable() {
  std::vector<Isa> sets = {Isa::baseline};
#if FASTCNN_HAS_AVX2 || FASTCNN_HAS_AVX512
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#endif
#if FASTCNN_HAS_AVX2
  if (avx2) sets.push_back(Isa::avx2);
#endif
#if FASTCNN_HAS_AVX512
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512) sets.push_back(Isa::avx512);
#endif
  return sets;
}

Isa parse(const std::string& wanted) {
  std::string known;
  for (Isa isa : runnable()) {
    if (wanted == name(isa)) return isa;
    known += (known.empty() ? "" : ", ") + std::string(name(isa));
  }
  reject("FASTCNN_ISA", "'", wanted, "' is not an instruction set of this build and processor; there are: ", known);
}

Isa choose() {
  const char* wanted = std::getenv("FASTCNN_ISA");
  return wanted != nullptr && *wanted != '\0' ? parse(wanted) : runnable().back();
}

Isa& current() {
  static Isa isa = choose();
  return isa;
}

const bool worker_mode_set = [] {
  pool::set_thread_start([] { cpu::baseline::set_flush_subnormals(); });
  return true;
}();

}  // namespace

Isa isa() { return current(); }

void set_isa(const std::string& wanted) { current() = parse(wanted); }

std::vector<std::string> built() {
  std::vector<std::string> names = {"baseline"};
#if FASTCNN_HAS_AVX2
  names.push_back("avx2");
#endif
#if FASTCNN_HAS_AVX512
  names.push_back("avx512");
#endif
  return names;
}

std::vector<std::string> available() {
  std::vector<std::string> names;
  for (Isa isa : runnable()) names.push_back(name(isa));
  return names;
}

const char* name(Isa isa) {
  switch (isa) {
    case Isa::avx512: return "avx512";
    case Isa::avx2: return "avx2";
    default: return "baseline";
  }
}

FlushSubnormals::FlushSubnormals() : saved_(cpu::baseline::set_flush_subnormals()) {}
FlushSubnormals::~FlushSubnormals() { cpu::baseline::restore_float_mode(saved_); }

}  // namespace fastcnn::dispatch
