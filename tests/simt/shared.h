// Shared memory that watches every access: an index outside the array, a read of what nobody wrote, and two threads that meet in one word
// without a barrier between them, whatever the order in which they happened to run.
//
// What a block leaves behind is unwritten to the next. A lane's reads of a word are taken to be as late as the latest of its warp: where
// lanes that only some __syncwarp() with part of the warp has ordered read one word, that errs on the side of a fault.
#pragma once

#include <cstdint>

#include "machine.h"

namespace simt {

// Who touched a word last. Times are the machine's; a time before the block began is never.
class WordState {
 public:
  void read(int index) {
    const Thread& thread = *machine.current;
    if (write_time_ <= machine.block_time) fault("uninitialised shared memory", "reads word %d, which no thread has written", index);
    if (unordered(writer_, write_time_)) conflict("reads", index, writer_, "written");
    if (read_time_ <= machine.barrier_time) {
      reader_warp_ = static_cast<std::uint16_t>(thread.warp());
      reader_lanes_ = 0;
      other_reader_ = nobody;
    }
    read_time_ = machine.time;
    if (reader_warp_ == thread.warp())
      reader_lanes_ |= 1u << thread.lane;
    else
      other_reader_ = static_cast<std::uint16_t>(thread.number);
  }

  void write(int index) {
    if (unordered(writer_, write_time_)) conflict("writes", index, writer_, "written");
    if (read_time_ > machine.barrier_time) check_readers(index);
    writer_ = static_cast<std::uint16_t>(machine.current->number);
    write_time_ = machine.time;
    read_time_ = 0;
  }

 private:
  static constexpr std::uint16_t nobody = 0xFFFF;

  // Does no barrier lie between what `number` did then and what the current thread does now?
  static bool unordered(unsigned number, std::uint64_t time) {
    const Thread& thread = *machine.current;
    if (time <= machine.barrier_time || number == thread.number) return false;
    return number / warp_size != thread.warp() || time > thread.ordered[number % warp_size];
  }

  void check_readers(int index) const {
    if (other_reader_ != nobody && unordered(other_reader_, read_time_)) conflict("writes", index, other_reader_, "read");
    for (unsigned lane = 0; lane < warp_size; ++lane) {
      const unsigned reader = reader_warp_ * warp_size + lane;
      if (reader_lanes_ >> lane & 1 && unordered(reader, read_time_)) conflict("writes", index, reader, "read");
    }
  }

  [[noreturn]] static void conflict(const char* does, int index, unsigned number, const char* done) {
    const uint3 other = machine.threads[number].index;
    fault("missing barrier", "%s word %d, which thread (%u,%u,%u) has %s since the last barrier", does, index, other.x, other.y, other.z,
          done);
  }

  std::uint64_t write_time_, read_time_;
  std::uint32_t reader_lanes_;  // those of the warp that read it first since the last barrier
  std::uint16_t writer_, reader_warp_;
  std::uint16_t other_reader_;  // one of another warp
};

// What array[i] is. It becomes a value only while it is a temporary: `auto x = array[i]`, which would read when x is used, does not compile
// on. Name the type, as in `float x = array[i]`.
template <class T>
class SharedWord {
 public:
  SharedWord(T& value, WordState& state, int index) : value_(value), state_(state), index_(index) {}
  SharedWord(const SharedWord&) = delete;

  operator T() && { return read(); }
  T operator=(T value) && { return write(value); }
  T operator=(SharedWord&& other) && { return write(other.read()); }
  T operator+=(T value) && { return write(static_cast<T>(read() + value)); }
  T operator-=(T value) && { return write(static_cast<T>(read() - value)); }
  T operator*=(T value) && { return write(static_cast<T>(read() * value)); }

 private:
  T read() const {
    state_.read(index_);
    return value_;
  }
  T write(T value) {
    state_.write(index_);
    return value_ = value;
  }

  T& value_;
  WordState& state_;
  const int index_;
};

// An array of N words in shared memory.
template <class T, int N>
class SharedArray {
 public:
  SharedWord<T> operator[](int index) {
    if (index < 0 || index >= N) fault("index out of range", "uses word %d of a shared array of %d words", index, N);
    return {values_[index], states_[index], index};
  }

 private:
  T values_[N];
  WordState states_[N];
};

// The block's T, a SharedArray or a struct of them: one for each type. Blocks run one after another, and so share its storage.
template <class T>
T& shared() {
  static T storage;
  return storage;
}

}  // namespace simt
