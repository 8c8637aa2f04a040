// See loop.h. Handles live inside the Loop object; libuv must have seen their close callbacks before it dies, which is
// why the destructor runs the loop once more instead of only stopping it.
#include "io/loop.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

namespace tidewatch {

Instant wall_clock() {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

Duration steady_clock() {
  return nanoseconds(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

struct Loop::Signal {
  uv_signal_t handle{};
  std::function<void()> work;
};

Loop::Loop() {
  // libuv writes without MSG_NOSIGNAL: a peer that is gone is an error of the write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&loop_);
  loop_.data = this;
  uv_async_init(&loop_, &async_, [](uv_async_t* handle) {
    auto* self = static_cast<Loop*>(handle->data);
    std::vector<std::function<void()>> works;
    {
      const std::lock_guard lock(self->mutex_);
      works.swap(self->posted_);
    }
    for (auto& work : works) work();
  });
  async_.data = this;
  uv_timer_init(&loop_, &wake_);
  wake_.data = this;
  uv_timer_init(&loop_, &pause_);
  pause_.data = this;
}

Loop::~Loop() {
  uv_walk(
      &loop_,
      [](uv_handle_t* handle, void*) {
        if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
      },
      nullptr);
  while (uv_run(&loop_, UV_RUN_DEFAULT) != 0) {
  }
  uv_loop_close(&loop_);
}

void Loop::run() { uv_run(&loop_, UV_RUN_DEFAULT); }

void Loop::stop() { uv_stop(&loop_); }

void Loop::run_for(Duration longest) {
  const auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(1, longest.ns / 1'000'000));
  uv_timer_start(
      &pause_, [](uv_timer_t*) {}, ms, 0);
  uv_run(&loop_, UV_RUN_ONCE);
  uv_timer_stop(&pause_);
}

void Loop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  uv_async_send(&async_);
}

void Loop::on_wake(std::function<Instant()> clock, std::function<Instant()> work) {
  clock_ = std::move(clock);
  work_ = std::move(work);
  if (work_) {
    wake_now();
  } else {
    uv_timer_stop(&wake_);
  }
}

void Loop::wake_now() {
  if (work_) arm(far_past);
}

void Loop::arm(Instant due) {
  std::uint64_t ms = 0;
  if (due != far_past) {
    const Duration left = due >= far_future ? seconds(30) : due - clock_();
    // One more than the rounded-down wait, so that the wake is never a hair before the due instant.
    ms = static_cast<std::uint64_t>(std::clamp<std::int64_t>(left.ns / 1'000'000 + 1, 1, 30'000));
  }
  uv_update_time(&loop_);
  uv_timer_start(
      &wake_,
      [](uv_timer_t* handle) {
        auto* self = static_cast<Loop*>(handle->data);
        if (!self->work_) return;
        const Instant next = self->work_();
        if (self->work_ && uv_is_active(reinterpret_cast<uv_handle_t*>(&self->wake_)) == 0) self->arm(next);
      },
      ms, 0);
}

void Loop::on_signal(int number, std::function<void()> work) {
  auto& slot = signals_[number];
  if (!slot) {
    slot = std::make_unique<Signal>();
    uv_signal_init(&loop_, &slot->handle);
    slot->handle.data = slot.get();
  }
  slot->work = std::move(work);
  uv_signal_start(
      &slot->handle, [](uv_signal_t* handle, int) { static_cast<Signal*>(handle->data)->work(); }, number);
}

}  // namespace tidewatch
