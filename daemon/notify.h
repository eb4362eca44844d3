#pragma once

#include <chrono>
#include <optional>
#include <string>

// What the service manager is told, by sd_notify(3). Without one (no NOTIFY_SOCKET) every call does
// nothing. Any thread may call.
namespace gavel::daemon::notify {

// Recovered and listening. Not: elected.
void ready(const std::string& status);
// One line about what goes on, for `systemctl status`.
void status(const std::string& text);
void reloading();
void stopping();
// Start or stop takes longer: this much from now on.
void extend_timeout(std::chrono::microseconds by);

// How often watchdog() is to be called: half of what the service manager waits for. None: never.
std::optional<std::chrono::microseconds> watchdog_interval();
void watchdog();

}  // namespace gavel::daemon::notify
