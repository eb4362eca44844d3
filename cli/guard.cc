#include "cli/guard.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/endpoint.h"
#include "cli/exit_code.h"
#include "cli/options.h"

namespace gavel::cli {

namespace {

// What is none would stand in a header field as it is.
bool is_number(const std::string& text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

void add_guard_options(CLI::App& command, GuardOptions& options) {
    auto* held =
        command.add_flag("--guard", options.held,
                         "Only while the lock is held that this runs under (gavel lock NAME -- …)");
    auto* lock = command.add_option("--lock", options.lock, "Only while this lock is held …")
                     ->excludes(held);
    auto* token = add_number(command, "--token", options.token, "… with this token");
    lock->needs(token);
    token->needs(lock);
}

std::optional<int> add_guard(Call& call, const GuardOptions& options, const Context& context) {
    if (!options.held && !options.token) return std::nullopt;
    std::string lock = options.lock;
    std::string token = options.token ? std::to_string(*options.token) : "";
    std::string session;
    if (options.held) {
        lock = context.held_lock;
        token = context.held_token;
        session = context.held_session;
        const bool named = session.empty() || (session[0] == 's' && is_number(session.substr(1)));
        if (lock.empty() || !is_number(token) || !named) {
            context.say(
                "--guard: GAVEL_LOCK_NAME, GAVEL_LOCK_TOKEN and GAVEL_SESSION do not name a lock; "
                "this "
                "is for commands that gavel lock runs");
            return exit_usage;
        }
    }
    call.headers.emplace_back("Gavel-Lock", encode_path(lock) + ";token=" + token +
                                                (session.empty() ? "" : ";session=" + session));
    return std::nullopt;
}

}  // namespace gavel::cli
