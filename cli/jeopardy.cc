#include "cli/jeopardy.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "cli/duration.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;

// For people: whole milliseconds are noise, and more time than there is must not be promised.
std::string in_tenths(BootClock::duration duration) {
    const auto whole = std::chrono::floor<milliseconds>(duration).count();
    const auto tenths = std::max<std::int64_t>(whole, 0) / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "s";
}

std::string consequence(const Lease& lease, OnLost on_lost) {
    switch (on_lost) {
        case OnLost::term:
            return "sent TERM, and KILL " + in_tenths(lease.kill_due() - lease.term_due()) +
                   " after it";
        case OnLost::kill:
            return "killed";
        case OnLost::none:
            break;
    }
    return "left to go on without it";
}

}  // namespace

Jeopardy::Jeopardy(std::string lock, std::string session, OnLost on_lost)
    : lock_(std::move(lock)), session_(std::move(session)), on_lost_(on_lost) {}

std::optional<std::string> Jeopardy::look(const Lease& lease, const std::string& trouble,
                                          BootClock::time_point now) {
    const bool late = now >= lease.jeopardy_due();
    if (late == in_jeopardy_) return std::nullopt;
    in_jeopardy_ = late;
    if (late) return begun(lease, trouble, now);
    return lock_ + " is safe again: a keep-alive of session " + session_ + " was confirmed";
}

BootClock::time_point Jeopardy::next_look(const Lease& lease) const {
    return in_jeopardy_ ? BootClock::time_point::max() : lease.jeopardy_due();
}

std::string Jeopardy::begun(const Lease& lease, const std::string& trouble,
                            BootClock::time_point now) const {
    return lock_ + " is in jeopardy: no keep-alive of session " + session_ + " was confirmed for " +
           in_tenths(now - lease.confirmed) + "; in " + in_tenths(lease.loss_due(on_lost_) - now) +
           " it counts as lost, and the command is " + consequence(lease, on_lost_) +
           (trouble.empty() ? "" : "; the last one: " + trouble);
}

}  // namespace gavel::cli
