#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/signals.h"
#include "cli/top.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds patience{2000};
constexpr milliseconds standard_interval{1000};

struct TopOptions {
    std::optional<milliseconds> interval{};
    bool once = false;
};

nlohmann::json to_json(const TopRow& row) {
    nlohmann::json document{{"member_id", row.id}, {"name", row.name}, {"role", row.role}};
    if (!row.answers) return document;
    document["applied"] = row.status.applied;
    document["lag"] = row.lag;
    document["watches"] = row.status.watches;
    document["waiting"] = row.status.waiting;
    document["elections"] = row.status.elections;
    document["log_bytes"] = row.status.log_bytes;
    document["state_bytes"] = row.status.state_bytes;
    for (const auto& [name, which] : {std::pair("commits_per_second", &Rates::commits),
                                      std::pair("proposals_per_second", &Rates::proposals),
                                      std::pair("reads_per_second", &Rates::reads)}) {
        document[name] = nullptr;
        if (row.rates) document[name] = (*row.rates).*which;
    }
    return document;
}

nlohmann::json to_json(const TopView& view) {
    nlohmann::json document{{"cluster_id", view.cluster},  {"epoch", view.epoch},
                            {"voters", view.voters},       {"tolerated", view.tolerated},
                            {"sessions", view.sessions},   {"keys", view.keys},
                            {"key_bytes", view.key_bytes}, {"watches", view.watches},
                            {"waiting", view.waiting},     {"alarms", view.alarms}};
    document["leader"] = nullptr;
    if (!view.leader.empty()) document["leader"] = view.leader;
    document["members"] = nlohmann::json::array();
    for (const auto& row : view.rows) document["members"].push_back(to_json(row));
    return document;
}

class Top {
public:
    Top(const Context& context, const TopOptions& options)
        : context_(context), interval_(options.interval.value_or(standard_interval)) {
        live_ = context.out_is_terminal && !options.once && context.format == Format::table;
    }

    int run() {
        if (const auto signal = take()) return exit_by_signal(*signal);
        if (now_.best() == nullptr) return nobody();
        if (!live_) {
            if (const auto signal = look_again()) return exit_by_signal(*signal);
            if (now_.best() == nullptr) return nobody();
            show();
            return exit_success;
        }
        open();
        std::optional<int> signal;
        while (!(signal = look_again())) show();
        close();
        // Who looked on and had enough has seen what there was to see.
        return *signal == SIGINT ? exit_success : exit_by_signal(*signal);
    }

private:
    // The signal that came, if one did, for which nobody is waited for any longer.
    std::optional<int> take() {
        before_ = std::move(now_);
        const auto begun = Clock::now();
        now_ = take_survey(context_.endpoints, patience, signals_.fd());
        apart_ = std::chrono::duration_cast<milliseconds>(begun - taken_);
        taken_ = begun;
        return signals_.take();
    }

    // Once it is time to; what is there already will do for a terminal that got another size.
    std::optional<int> look_again() {
        const bool resized = wait();
        if (const auto signal = signals_.take()) return signal;
        return resized ? std::nullopt : take();
    }

    int nobody() const {
        for (const auto& asked : now_.asked) context_.fail(asked.error);
        return exit_error;
    }

    // Until it is time to look again or a signal comes. Whether the terminal has another size.
    bool wait() {
        const auto left =
            std::chrono::ceil<milliseconds>(taken_ + interval_ - Clock::now()).count();
        std::array<pollfd, 2> sources{
            {{.fd = signals_.fd(), .events = POLLIN, .revents = 0},
             {.fd = live_ ? resizes_.fd() : -1, .events = POLLIN, .revents = 0}}};
        ::poll(sources.data(), sources.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
        return live_ && resizes_.take().has_value();
    }

    void show() {
        if (now_.best() == nullptr) {
            return paint({"no member answers; trying on"});
        }
        const TopView view = view_of(before_, now_, apart_);
        if (context_.format == Format::json || context_.format == Format::jsonl) {
            return print_json(context_, to_json(view));
        }
        if (context_.format == Format::value) {
            for (const auto& row : view.rows) context_.out << row.name << ' ' << row.role << '\n';
            return;
        }
        if (!live_) {
            for (const auto& line : draw(view, 0, 0)) context_.out << toned(line) << '\n';
            return;
        }
        winsize size{};
        const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
        paint(draw(view, known ? size.ws_col : 80, known ? size.ws_row : 24));
    }

    // The other screen, without a cursor; what was on this one comes back.
    void open() const { context_.out << "\x1b[?1049h\x1b[?25l" << std::flush; }
    void close() const { context_.out << "\x1b[?25h\x1b[?1049l" << std::flush; }

    std::string toned(const std::string& line) const {
        return painted(line, tone_of_line(line), context_.color);
    }

    // Line over line, so that nothing flickers; what is left of older ones is erased.
    void paint(const std::vector<std::string>& lines) const {
        std::string frame = "\x1b[H";
        for (std::size_t i = 0; i < lines.size(); ++i) {
            frame += (i == 0 ? "" : "\r\n") + toned(lines[i]) + "\x1b[K";
        }
        context_.out << frame << "\x1b[J" << std::flush;
    }

    const Context& context_;
    const milliseconds interval_;
    bool live_ = false;
    SignalQueue signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    SignalQueue resizes_{SIGWINCH};
    Survey before_{};
    Survey now_{};
    Clock::time_point taken_{};
    milliseconds apart_{};
};

}  // namespace

void add_top_command(CLI::App& app, Action& action) {
    auto options = std::make_shared<TopOptions>();
    auto* command = app.add_subcommand("top", "Watch what the members do");
    add_duration(*command, "--interval", options->interval, "How often it looks (1s)",
                 milliseconds{100}, std::chrono::hours{1});
    command->add_flag("--once", options->once,
                      "Look for one interval, print and end; so it is without a terminal");
    command->callback([&action, options] {
        action = [options](Context& context) { return Top(context, *options).run(); };
    });
}

}  // namespace gavel::cli
