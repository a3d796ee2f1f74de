// A fiber: a function on a stack of its own, which the host resumes and which yields to the host. Included by simt.cpp alone.
//
// The switch is written in assembly: swapcontext asks the operating system at every call, and the address sanitizer forgets the red zones
// of a stack at every swapcontext and longjmp. It keeps what a call keeps, and nothing else.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef SIMT_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#else  // the same names, doing nothing
inline void __sanitizer_start_switch_fiber(void**, const void*, std::size_t) {}
inline void __sanitizer_finish_switch_fiber(void*, const void**, std::size_t*) {}
#endif

// Pushes the registers that a call keeps, leaves the stack pointer in *from, takes `to` for it, and pops the registers there.
extern "C" void simt_switch(void** from, void* to);

#if defined(__x86_64__)
asm(R"(
    .pushsection .text
    .globl simt_switch
    .hidden simt_switch
    .type simt_switch, @function
simt_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size simt_switch, . - simt_switch
    .popsection
)");
#elif defined(__aarch64__)
asm(R"(
    .pushsection .text
    .globl simt_switch
    .hidden simt_switch
    .type simt_switch, %function
simt_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size simt_switch, . - simt_switch
    .popsection
)");
#else
#error "simt: write simt_switch for this processor"
#endif

namespace simt {

class Fiber {
 public:
  using Entry = void (*)();  // never returns

  bool prepared() const { return bottom_ != nullptr; }

  // Stacks are kept for the life of the process: a block's threads find those of the block before.
  void prepare(Entry entry) {
    void* mapped = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    mprotect(mapped, guard_bytes, PROT_NONE);  // a stack that overflows is a segmentation fault, not another fiber's bug
    bottom_ = static_cast<char*>(mapped) + guard_bytes;
    auto** frame = reinterpret_cast<void**>(static_cast<char*>(bottom_) + stack_bytes) - frame_words;
    frame[return_word] = reinterpret_cast<void*>(entry);
    stack_pointer_ = frame;
  }

  // The host's part: runs the fiber until it yields.
  void resume() {
    __sanitizer_start_switch_fiber(&host.fake_stack, bottom_, stack_bytes);
    simt_switch(&host.stack_pointer, stack_pointer_);
    __sanitizer_finish_switch_fiber(host.fake_stack, nullptr, nullptr);
  }

  // The fiber's parts: what it does first, and how it hands back. Whose stack the host's is may change from launch to launch.
  static void arrived() { __sanitizer_finish_switch_fiber(nullptr, &host.bottom, &host.bytes); }

  void yield() {
    __sanitizer_start_switch_fiber(&fake_stack_, host.bottom, host.bytes);
    simt_switch(&stack_pointer_, host.stack_pointer);
    __sanitizer_finish_switch_fiber(fake_stack_, &host.bottom, &host.bytes);
  }

 private:
  struct Host {
    void* stack_pointer;
    void* fake_stack;
    const void* bottom;
    std::size_t bytes;
  };
  static inline Host host;

  static constexpr std::size_t guard_bytes = 64 << 10;   // a page, whatever its size
  static constexpr std::size_t stack_bytes = 256 << 10;  // an exception under the sanitizer takes some tens of kilobytes
#if defined(__x86_64__)
  static constexpr int frame_words = 8, return_word = 6;  // and an empty return address, which leaves the stack as a call does
#else
  static constexpr int frame_words = 20, return_word = 11;
#endif

  void* bottom_ = nullptr;
  void* stack_pointer_ = nullptr;
  void* fake_stack_ = nullptr;
};

}  // namespace simt
