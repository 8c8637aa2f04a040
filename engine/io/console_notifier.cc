// See console_notifier.h.
#include "io/console_notifier.h"

#include <cstdio>

#include "io/webhook_payload.h"

namespace tidewatch {

ConsoleNotifier::ConsoleNotifier(std::function<void(const std::string&)> print) : print_(std::move(print)) {
  if (!print_)
    print_ = [](const std::string& line) {
      std::fprintf(stdout, "%s\n", line.c_str());
      std::fflush(stdout);
    };
}

void ConsoleNotifier::send(const StoredNotification& notification, std::function<void(SendResult)> then) {
  print_(format_instant(notification.created_at) + " " + payload_line(notification.payload));
  then({SendResult::Kind::accepted, "printed"});
}

}  // namespace tidewatch
