#include "cli/supervisor.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/invariant.h"
#include "cli/duration.h"
#include "cli/exit_code.h"

namespace gavel::cli {

namespace {

// A timer that counts suspended time: after a wake-up the loss is judged at once.
class BootTimer {
public:
    BootTimer() : fd_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
        invariant(fd_ >= 0, "there is a timer");
    }
    ~BootTimer() { ::close(fd_); }
    BootTimer(const BootTimer&) = delete;
    BootTimer& operator=(const BootTimer&) = delete;

    int fd() const { return fd_; }

    void set(BootClock::time_point when) {
        itimerspec setting{};
        if (when != BootClock::time_point::max()) {
            const auto since_boot = when.time_since_epoch();
            const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
            setting.it_value.tv_sec = seconds.count();
            setting.it_value.tv_nsec = (since_boot - seconds).count();
        }
        ::timerfd_settime(fd_, TFD_TIMER_ABSTIME, &setting, nullptr);
    }

private:
    int fd_;
};

class Supervisor {
public:
    Supervisor(Child& child, SignalQueue& signals, const SessionKeeper& keeper,
               const Tenure& tenure, const std::function<void(const std::string&, Tone)>& say)
        : child_(child),
          signals_(signals),
          keeper_(keeper),
          on_lost_(tenure.on_lost),
          say_(say),
          jeopardy_(tenure.lock, tenure.session, tenure.on_lost) {}

    int run() {
        for (;;) {
            pass_signals_on();
            // The lease comes before the child is woken from a stop: it must not run without it.
            judge();
            if (const auto code = child_.poll()) {
                return stage_ == LossStage::held ? *code : exit_lock_lost;
            }
            if (child_.take_stopped()) {
                stop_with_child();
            } else {
                wait();
            }
        }
    }

private:
    void pass_signals_on() {
        while (const auto signal = signals_.take()) {
            if (*signal == SIGCONT) {
                child_.resume();
            } else if (*signal != SIGCHLD && *signal != SIGPIPE && *signal != SIGTTOU) {
                child_.signal(*signal);
            }
        }
    }

    void judge() {
        keeper_.take_news();
        const Lease lease = keeper_.lease();
        const auto now = BootClock::now();
        const auto decision = judge_loss(lease, on_lost_, stage_, next_look_, now);
        if (decision.stage != stage_) tell(decision, lease);
        if (decision.signal != 0) child_.signal(decision.signal);
        stage_ = decision.stage;
        next_look_ = wake_up_ = decision.next_look;
        if (stage_ != LossStage::held) return;
        if (const auto news = jeopardy_.look(lease, keeper_.trouble(), now)) {
            say_(*news, jeopardy_.lasts() ? Tone::warning : Tone::good);
        }
        wake_up_ = std::min(next_look_, jeopardy_.next_look(lease));
    }

    void tell(const LossDecision& decision, const Lease& lease) const {
        const std::string why =
            lease.ended ? "the session has ended" : "no keep-alive was confirmed for too long";
        if (decision.signal == SIGTERM) {
            say_("lock lost: " + why + "; sending TERM to the command", Tone::bad);
        } else if (decision.signal == SIGKILL) {
            say_("lock lost: " + why + "; killing the command", Tone::bad);
        } else {
            say_("lock lost: " + why + "; the command goes on without it", Tone::bad);
        }
    }

    void wait() {
        timer_.set(wake_up_);
        std::array<pollfd, 3> sources{{{.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                       {.fd = timer_.fd(), .events = POLLIN, .revents = 0},
                                       {.fd = keeper_.fd(), .events = POLLIN, .revents = 0}}};
        ::poll(sources.data(), sources.size(), -1);
    }

    // ^Z: give the terminal back and stop as well, so that the shell sees its job stopped. When the
    // shell continues us, the lease may have lapsed meanwhile.
    void stop_with_child() {
        if (!child_.has_terminal()) return wait();
        child_.take_terminal_back();
        ::kill(::getpid(), SIGSTOP);
        judge();
        if (stage_ != LossStage::lost || on_lost_ == OnLost::none) child_.resume();
    }

    Child& child_;
    SignalQueue& signals_;
    const SessionKeeper& keeper_;
    const OnLost on_lost_;
    const std::function<void(const std::string&, Tone)>& say_;
    BootTimer timer_{};
    Jeopardy jeopardy_;
    LossStage stage_ = LossStage::held;
    BootClock::time_point next_look_{};  // Of the loss.
    BootClock::time_point wake_up_{};    // Of whatever is due first.
};

}  // namespace

int supervise(Child& child, SignalQueue& signals, const SessionKeeper& keeper, const Tenure& tenure,
              const std::function<void(const std::string&, Tone)>& say) {
    const int code = Supervisor(child, signals, keeper, tenure, say).run();
    child.take_terminal_back();
    return code;
}

int wait_for(Child& child, SignalQueue& signals, int& signalled) {
    for (;;) {
        while (const auto signal = signals.take()) {
            if (*signal == SIGCHLD || *signal == SIGPIPE || *signal == SIGTTOU) continue;
            if (*signal == SIGCONT) {
                child.resume();
            } else {
                signalled = *signal;
                child.signal(*signal);
            }
        }
        if (const auto code = child.poll()) return *code;
        // By ^Z, or because it asked for the terminal from the background: stop as well, so that
        // the shell sees its job stopped and, at `fg`, gives us the terminal and wakes us.
        if (child.take_stopped() && child.wants_terminal()) {
            child.take_terminal_back();
            ::kill(::getpid(), SIGSTOP);
            child.resume();
            continue;
        }
        pollfd source{.fd = signals.fd(), .events = POLLIN, .revents = 0};
        ::poll(&source, 1, -1);
    }
}

}  // namespace gavel::cli
