#include "cli/lock_command.h"

#include <string.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/api_call.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/lock_wait.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/session_keeper.h"
#include "cli/signals.h"
#include "cli/supervisor.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// For calls that only tidy up: what they do not manage, the end of the TTL does.
constexpr milliseconds tidy_patience{2000};
constexpr milliseconds tidy_attempt_limit{1000};
// However little time is left: a member that is there can answer within it.
constexpr milliseconds least_attempt_limit{1000};

// "web-1:4711": what others see as the holder.
std::string session_name() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return std::string(host.data()) + ":" + std::to_string(::getpid());
}

class LockRun {
public:
    LockRun(const Context& context, const LockOptions& options)
        : context_(context), options_(options), client_(context.endpoints, waiting_signals_.fd()) {
        if (options.timeout) deadline_ = Clock::now() + *options.timeout;
    }

    int run() {
        // A session that lapsed while it waited (the machine slept) is replaced by a new one.
        for (;;) {
            if (const auto end = open_session()) return finish(*end);
            const LockWaitEnd end =
                wait_for_lock(client_,
                              {.lock = options_.name,
                               .session = session_,
                               .deadline = deadline_,
                               .no_wait = options_.no_wait,
                               .shared = options_.shared,
                               .limit = options_.limit},
                              [this](const std::string& held) { context_.say(held); });
            if (end.kind != LockWaitEnd::Kind::session_ended) return finish(end);
            context_.say("session " + session_ + " ended while waiting; queueing again");
            keeper_.reset();
        }
    }

private:
    // How it ends when there is no session to wait with.
    std::optional<LockWaitEnd> open_session() {
        const auto sent = BootClock::now();
        // An operator who breaks the lock ends the session, and by that the command.
        const nlohmann::json body{
            {"name", session_name()}, {"ttl", format_ttl()}, {"ends_with_locks", true}};
        Call call = create_session_call(body);
        bool until_deadline = false;
        if (deadline_) {
            const auto left = std::chrono::ceil<milliseconds>(*deadline_ - Clock::now());
            until_deadline = left < call.patience;
            call.patience = std::min(call.patience, left);
            call.attempt_limit = std::clamp(left, least_attempt_limit, call.attempt_limit);
        }
        const auto session = call_json(client_, call);
        if (!session) {
            const bool in_time = !until_deadline || !session.error().out_of_patience;
            return LockWaitEnd{
                .kind = in_time ? LockWaitEnd::Kind::failed : LockWaitEnd::Kind::timed_out,
                .failure = session.error()};
        }
        session_ = text_of(*session, "id");
        keeper_.emplace(context_.endpoints, session_, options_.ttl, sent);
        return std::nullopt;
    }

    std::string format_ttl() const { return std::to_string(options_.ttl.count()) + "ms"; }

    int finish(const LockWaitEnd& end) {
        switch (end.kind) {
            case LockWaitEnd::Kind::granted:
                return run_command(end.token);
            case LockWaitEnd::Kind::busy:
                context_.say(busy_sentence(end.failure), Tone::bad);
                leave(Farewell::quiet);
                return exit_busy;
            case LockWaitEnd::Kind::timed_out:
                context_.say(timed_out_sentence(end.failure), Tone::bad);
                leave(Farewell::quiet);
                return exit_timed_out;
            case LockWaitEnd::Kind::interrupted:
                return stop({.code = "interrupted"});
            default:
                return stop(end.failure);
        }
    }

    std::string busy_sentence(const Failure& refusal) {
        const std::string holders = account_of_holders(client_, options_.name, refusal);
        if (!holders.empty()) return options_.name + " is held by " + holders;
        return options_.name + " is not to be had: " + refusal.detail;
    }

    std::string timed_out_sentence(const Failure& last) {
        const std::string sentence = "timed out after " + format_duration(*options_.timeout) +
                                     " waiting for " + options_.name;
        const std::string holders = account_of_holders(client_, options_.name, last);
        if (!holders.empty()) return sentence + ", held by " + holders;
        if (last.status == 0) return sentence + ": no member answered";
        return sentence + ": " + last.detail;
    }

    // Before the lock was granted: a signal or an error.
    int stop(const Failure& failure) {
        int code = exit_error;
        if (const auto signal = waiting_signals_.take()) {
            code = exit_by_signal(*signal);
        } else {
            context_.fail(failure);
        }
        leave();
        return code;
    }

    int run_command(std::uint64_t token) {
        SignalQueue signals{SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1,
                            SIGUSR2, SIGCONT, SIGCHLD, SIGPIPE, SIGTTOU};
        const int code = run_child(token, signals);
        leave();
        return code;
    }

    int run_child(std::uint64_t token, SignalQueue& signals) {
        const auto decision =
            judge_loss(keeper_->lease(), options_.on_lost, LossStage::held, {}, BootClock::now());
        if (decision.stage != LossStage::held) {
            context_.say("lock lost before the command was started", Tone::bad);
            return exit_lock_lost;
        }
        const auto child =
            Child::start({.command = options_.command,
                          .environment = {{"GAVEL_LOCK_NAME", options_.name},
                                          {"GAVEL_LOCK_TOKEN", std::to_string(token)},
                                          {"GAVEL_SESSION", session_}},
                          .signal_mask = waiting_signals_.mask_before(),
                          .signal_when_parent_dies = signal_when_we_die(),
                          .take_terminal = true});
        if (!child) {
            context_.fail("cannot run " + options_.command.front() + ": " +
                          ::strerror(child.error().error));
            return child.error().exit_code();
        }
        Child running = *child;
        return supervise(
            running, signals, *keeper_,
            {.lock = options_.name, .session = session_, .on_lost = options_.on_lost},
            [this](const std::string& message, Tone tone) { context_.say(message, tone); });
    }

    // Nobody else could end the command in time if this process were killed.
    int signal_when_we_die() const {
        switch (options_.on_lost) {
            case OnLost::term:
                return SIGTERM;
            case OnLost::kill:
                return SIGKILL;
            case OnLost::none:
                return 0;
        }
        return 0;
    }

    // What was not got needs no word about what lapses by itself.
    enum class Farewell { told, quiet };

    // Releases the lock or leaves its queue, and ends the session.
    void leave(Farewell farewell = Farewell::told) {
        keeper_.reset();
        if (session_.empty()) return;
        Client client(context_.endpoints);  // One that no signal interrupts.
        Call release = release_lock_call(options_.name, session_);
        release.patience = tidy_patience;
        release.attempt_limit = tidy_attempt_limit;
        const auto released = client.call(release);

        Call end = end_session_call(session_);
        end.patience = tidy_patience;
        end.attempt_limit = tidy_attempt_limit;
        const auto ended = client.call(end);
        const bool done = ended || ended.error().status == 404 || released;
        if (!done && farewell == Farewell::told) {
            context_.say("could not end session " + session_ +
                         " (it lapses by itself): " + describe(ended.error()));
        }
    }

    const Context& context_;
    const LockOptions& options_;
    SignalQueue waiting_signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    Client client_;
    std::optional<Clock::time_point> deadline_{};
    std::string session_{};
    std::optional<SessionKeeper> keeper_{};
};

}  // namespace

int run_under_lock(const Context& context, const LockOptions& options) {
    return LockRun(context, options).run();
}

void add_lock_command(CLI::App& app, Action& action) {
    struct Flags {
        LockOptions options{};
        std::optional<milliseconds> ttl{};
    };
    auto flags = std::make_shared<Flags>();
    auto* command = app.add_subcommand("lock", "Run a command while holding a lock");
    command->footer("The command comes last: gavel lock NAME [OPTIONS] -- COMMAND [ARGUMENTS]");
    command->add_option("NAME", flags->options.name, "The lock")->required();
    add_duration(*command, "--ttl", flags->ttl,
                 "How long the lock outlives the last keep-alive (15s)", std::chrono::seconds{1},
                 std::chrono::hours{24});
    command->add_flag("--shared", flags->options.shared,
                      "Share the lock with others that ask for it so");
    add_number(*command, "--limit", flags->options.limit,
               "Share it among at most so many (a semaphore)", 1);
    auto* timeout = add_duration(*command, "--timeout", flags->options.timeout,
                                 "Wait no longer than this; exit 124");
    command->add_flag("--no-wait", flags->options.no_wait, "Do not wait at all; exit 123")
        ->excludes(timeout);
    add_choice(
        *command, "--on-lost", {"term", "kill", "none"},
        [flags](std::size_t chosen) {
            constexpr std::array choices{OnLost::term, OnLost::kill, OnLost::none};
            flags->options.on_lost = choices.at(chosen);
        },
        "What the command gets when the lock is lost (term, then kill)");
    command->callback([&action, flags] {
        if (flags->ttl) flags->options.ttl = *flags->ttl;
        action = [flags](Context& context) {
            if (context.command.empty()) {
                context.say("lock: a command is needed after '--'");
                return exit_usage;
            }
            flags->options.command = context.command;
            return run_under_lock(context, flags->options);
        };
    });
}

}  // namespace gavel::cli
