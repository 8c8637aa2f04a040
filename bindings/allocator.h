// The memory of one Lua state, counted and capped. Only growth is ever refused: shrinking and freeing cannot fail in
// Lua, and a refusal there would corrupt it. A refusal is remembered in `oom`, so that a script's pcall cannot carry
// on after it. LuaJIT never collects before it gives up, hence `near_cap`, which the hook and the string functions ask.
#pragma once

#include <cstddef>

namespace tidewatch {

inline constexpr std::size_t large_block = 64u << 10;

// Charges the running call for filling a large block, which takes the time of thousands of instructions; budget.cc.
void charge_block(void* owner, std::size_t bytes);

class Allocator {
 public:
  Allocator(std::size_t cap, std::size_t block_cap) : cap_(cap), block_cap_(block_cap) {}

  // A lua_Alloc; `self` is an Allocator.
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);

  std::size_t used() const { return used_; }
  std::size_t peak() const { return peak_; }
  std::size_t cap() const { return cap_; }
  std::size_t block_cap() const { return block_cap_; }
  bool oom() const { return oom_; }
  void clear_oom() {
    oom_ = false;
    pending_ = 0;
  }

  // True when `extra` more bytes would pass three quarters of the cap and at least a sixteenth of it was taken since
  // the last collection: time to collect in full.
  bool wants_collection(std::size_t extra) const {
    return used_ + extra > cap_ / 4 * 3 && used_ + extra > after_collection_ + cap_ / 16;
  }
  void collected() { after_collection_ = used_; }

  // Whoever owns the state; set once by the host, found again from any lua_State.
  void* owner = nullptr;

 private:
  friend class Uncapped;

  std::size_t used_ = 0, peak_ = 0, after_collection_ = 0;
  std::size_t cap_, block_cap_;
  std::size_t pending_ = 0;  // size of the last refusal; 5.4 collects and asks once more before it gives up
  int lifted_ = 0;
  bool oom_ = false;
};

// Lifts the cap while the host itself touches the state outside a protected call: a refusal there would end the
// process.
class Uncapped {
 public:
  explicit Uncapped(Allocator& allocator) : allocator_(allocator) { ++allocator_.lifted_; }
  ~Uncapped() { --allocator_.lifted_; }
  Uncapped(const Uncapped&) = delete;
  Uncapped& operator=(const Uncapped&) = delete;

 private:
  Allocator& allocator_;
};

}  // namespace tidewatch
