// Runs the kernel of broken.cu that is named under 20 seeds in one process, or with a second argument `once`, under the default seed.
// Prints a line a run: the fault, or "no fault". After each a sound kernel must run. Without a name it prints the names.
#include <cstdio>
#include <cstring>

#include "broken.h"
#include "simt.h"
#include "sound.h"

namespace {

void run(const Broken& kernel) {
  try {
    kernel.run();
    std::printf("no fault\n");
  } catch (const simt::Fault& fault) {
    std::printf("%s\n", fault.what());
  }
  if (!block_sums_are_right()) std::printf("the fault has broken a sound kernel\n");
}

void run_under_seeds(const Broken& kernel) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    simt::set_seed(seed);
    run(kernel);
  }
}

}  // namespace

int main(int count, char** arguments) {
  for (int i = 0; i < broken_count; ++i) {
    if (count < 2)
      std::printf("%s\n", broken[i].name);
    else if (std::strcmp(arguments[1], broken[i].name) == 0)
      count < 3 ? run_under_seeds(broken[i]) : run(broken[i]);
  }
}
