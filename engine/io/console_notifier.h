// One line a notification, on standard output unless told otherwise. It cannot fail; it goes through the outbox like
// every notifier, so that a line printed is a line on record.
#pragma once

#include <functional>
#include <string>

#include "io/notifier.h"

namespace tidewatch {

class ConsoleNotifier : public Notifier {
 public:
  // `print` gets the line without its end; null prints to standard output.
  explicit ConsoleNotifier(std::function<void(const std::string&)> print = {});
  void send(const StoredNotification& notification, std::function<void(SendResult)> then) override;

 private:
  std::function<void(const std::string&)> print_;
};

}  // namespace tidewatch
