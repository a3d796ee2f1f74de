// The kernels that are wrong, by the name of what is wrong with each.
#pragma once

struct Broken {
  const char* name;
  void (*run)();
};

extern const Broken broken[];
extern const int broken_count;
