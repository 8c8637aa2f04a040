// What the outbox needs from a way of sending: one attempt, answered later, with what to do about the answer. Retrying
// is the outbox's, so that every notifier is as durable as the others.
#pragma once

#include <functional>
#include <string>

#include "base/time.h"
#include "store/store.h"

namespace tidewatch {

struct SendResult {
  enum class Kind { accepted, retry, failed } kind = Kind::accepted;
  std::string text;         // "200", "timeout after 10s", "connection refused"
  Duration retry_after{0};  // asked for by the receiver; 0 = not asked
};

class Notifier {
 public:
  virtual ~Notifier() = default;
  // Loop thread. `then` is called once on the loop's thread, maybe before send returns; not after the notifier's end.
  virtual void send(const StoredNotification& notification, std::function<void(SendResult)> then) = 0;
};

}  // namespace tidewatch
