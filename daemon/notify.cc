#include "daemon/notify.h"

#include <systemd/sd-daemon.h>
#include <time.h>

namespace gavel::daemon::notify {
namespace {

void tell(const std::string& state) { static_cast<void>(sd_notify(0, state.c_str())); }

// A status is one line: what follows a line's end would be read as another assignment.
std::string one_line(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
    return text;
}

}  // namespace

void ready(const std::string& text) { tell("READY=1\nSTATUS=" + one_line(text)); }

void status(const std::string& text) { tell("STATUS=" + one_line(text)); }

void reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto usec = now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
    tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void stopping() { tell("STOPPING=1\nSTATUS=stopping"); }

void extend_timeout(std::chrono::microseconds by) {
    tell("EXTEND_TIMEOUT_USEC=" + std::to_string(by.count()));
}

std::optional<std::chrono::microseconds> watchdog_interval() {
    std::uint64_t usec = 0;
    if (sd_watchdog_enabled(0, &usec) <= 0 || usec < 2) return std::nullopt;
    return std::chrono::microseconds(usec / 2);
}

void watchdog() { tell("WATCHDOG=1"); }

}  // namespace gavel::daemon::notify
