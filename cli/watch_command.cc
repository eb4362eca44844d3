#include <signal.h>
#include <string.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <set>
#include <utility>

#include "cli/child.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/signals.h"
#include "cli/sse.h"
#include "cli/supervisor.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;

// Three bookmarks, of which the server sends one each 15 s, may be missing.
constexpr milliseconds silence_limit{50000};
constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{2000};

struct WatchOptions {
    std::optional<std::string> prefix{};
    std::vector<std::string> keys{};
    std::vector<std::string> locks{};
    bool members = false;
    bool snapshot = false;  // First what is there.
    std::optional<EventId> since{};
    std::optional<std::uint64_t> count{};  // Stop after so many events.
};

std::optional<std::uint64_t> to_revision(const std::string& text) {
    std::uint64_t revision = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return revision;
}

class Watch {
public:
    Watch(const Context& context, const WatchOptions& options)
        : context_(context),
          options_(options),
          client_(context.endpoints, signals_.fd()),
          position_(options.since) {}

    int run() {
        std::set<std::string> refused;
        bool was_open = false;
        milliseconds pause = first_pause;
        for (;;) {
            opened_ = false;
            const auto answer = open_stream();
            if (exit_code_) return *exit_code_;
            was_open = was_open || opened_ || answer;
            if (!answer) {
                const Failure& failure = answer.error();
                if (failure.code == "interrupted") return interrupted();
                if (!failure.retryable) return context_.fail(failure);
                if (failure.code == "refused") refused.insert(failure.detail);
                // Once it has worked it goes on trying for ever: the cluster will be back.
                if (!was_open && refused.size() >= context_.endpoints.size()) {
                    return context_.fail(failure);
                }
            } else {
                // A member that lags behind, or cuts who is slow, ends its streams in good order,
                // and would end the next one, too.
                client_.use_next_endpoint();
            }
            pause = opened_ ? first_pause : std::min(pause * 2, longest_pause);
            if (!client_.pause(pause)) return interrupted();
        }
    }

private:
    Result<HttpResponse, Failure> open_stream() {
        Call call{.target = target(), .attempt_limit = silence_limit};
        call.headers.emplace_back("Accept", "text/event-stream");
        if (has_moved()) call.headers.emplace_back("Last-Event-ID", position_.complete()->text);
        position_.on_connect();
        ++streams_;
        SseParser parser;
        return client_.stream(call, [&](std::string_view piece) {
            opened_ = true;
            for (const auto& event : parser.feed(piece)) {
                if (!take(event)) return false;
            }
            return !parser.too_long();
        });
    }

    // Where to begin was chosen by whoever called: that it cannot be had is an error. Once a
    // stream has come further, the server is to say what is missing, and go on.
    bool has_moved() const {
        return position_.complete() && position_.complete() != options_.since;
    }

    std::string target() const {
        std::string target = "/v1/watch?";
        if (options_.prefix) target += "prefix=" + encode_query(*options_.prefix) + "&";
        for (const auto& key : options_.keys) target += "key=" + encode_query(key) + "&";
        for (const auto& lock : options_.locks) target += "locks=" + encode_query(lock) + "&";
        if (options_.members) target += "members=true&";
        if (options_.snapshot) target += "snapshot=true&";
        if (options_.since && !has_moved()) {
            target += "since=" + encode_query(options_.since->text) + "&";
        }
        target.pop_back();
        return target;
    }

    // False ends the watch, with exit_code_ set.
    bool take(const SseEvent& event) {
        const auto id = event.id ? parse_event_id(*event.id) : std::nullopt;
        const auto data = nlohmann::json::parse(event.data, nullptr, false);
        if (event.type == "reset") return begin_anew(id, data);
        if (data.is_object() && data.value("snapshot", false)) {
            const bool goes_on = event.type == "bookmark" ? close_snapshot(id, data)
                                                          : take_of_snapshot(event.type, data);
            return goes_on && !exit_code_;
        }
        static const std::set<std::string> changes{"put", "delete", "lock", "member"};
        if (!changes.contains(event.type)) {
            if (id) position_.advance(*id);
            return true;
        }
        const auto revision =
            data.is_object() ? to_revision(text_of(data, "revision")) : std::nullopt;
        if (!revision || !position_.is_new(*revision, id)) return true;
        if (options_.snapshot) remember(event.type, *revision, data);
        return tell(event.type, *revision, data);
    }

    // What is there is kept after the snapshot as well: behind a reset another one comes, which
    // does not tell what went meanwhile.
    void remember(const std::string& type, std::uint64_t revision, const nlohmann::json& data) {
        if (leaves(type, data)) {
            there_.erase(identity_of(data));
        } else {
            there_[identity_of(data)] = {revision, streams_, without_value(data)};
        }
    }

    bool tell(const std::string& type, std::uint64_t revision, const nlohmann::json& data) {
        show(type, revision, data);
        if (!context_.command.empty() && !run_command(type, revision, data)) return false;
        if (options_.count && ++shown_ == *options_.count) exit_code_ = exit_success;
        return !exit_code_;
    }

    // A snapshot has no place to resume at before it is closed: a stream that breaks within it
    // brings it anew, as it is then. What was shown of it is not shown again.
    bool take_of_snapshot(const std::string& type, const nlohmann::json& data) {
        const std::string name = identity_of(data);
        const auto revision = to_revision(text_of(data, "revision"));
        if (!revision) return true;
        if (leaves(type, data)) return there_.erase(name) == 0 || tell(type, *revision, data);
        auto& seen = there_[name];
        // A member's revision is that of the reading.
        const bool known = type == "member" ? text_of(seen.data, "role") == text_of(data, "role")
                                            : seen.revision == *revision;
        if (seen.stream == 0 || !known) {
            seen = {*revision, streams_, without_value(data)};
            return tell(type, *revision, data);
        }
        seen.stream = streams_;
        return true;
    }

    bool close_snapshot(const std::optional<EventId>& id, const nlohmann::json& data) {
        const auto revision = to_revision(text_of(data, "revision"));
        if (!id || !revision) return true;
        for (auto at = there_.begin(); at != there_.end();) {
            if (at->second.stream == streams_) {
                ++at;
                continue;
            }
            // It was there when another stream brought it.
            auto gone = std::move(at->second.data);
            at = there_.erase(at);
            const bool is_key = gone.contains("key");
            gone["revision"] = *revision;
            gone["snapshot"] = true;
            if (!is_key) gone["change"] = gone.contains("lock") ? "released" : "removed";
            const auto* type = is_key ? "delete" : gone.contains("lock") ? "lock" : "member";
            if (!tell(type, *revision, gone)) return false;
        }
        position_.begin_anew(*id);
        if (is_for_programs()) show("bookmark", *revision, data);
        return true;
    }

    bool is_for_programs() const {
        return context_.format == Format::json || context_.format == Format::jsonl;
    }

    bool begin_anew(const std::optional<EventId>& id, const nlohmann::json& data) {
        const bool foreign = data.is_object() && text_of(data, "reason") == "other-cluster";
        context_.say(foreign
                         ? "changes are missing here: this is another cluster, or one made anew"
                         : "changes are missing here: they are older than what the servers keep");
        // Without an id what is there comes first, and only then is there a place to come back to.
        if (id) {
            position_.begin_anew(*id);
        } else {
            position_.forget();
        }
        ++streams_;
        // The same revision of another cluster is another value.
        if (foreign) {
            for (auto& [name, seen] : there_) seen.stream = 0;
        }
        const auto told = data.is_object() ? data : nlohmann::json::object();
        const auto revision = to_revision(text_of(told, "revision")).value_or(0);
        if (is_for_programs()) show("reset", revision, told);
        return context_.command.empty() || run_command("reset", revision, told);
    }

    static bool leaves(const std::string& type, const nlohmann::json& data) {
        const std::string change = text_of(data, "change");
        // Whatever happens to a lock but a grant, nobody holds it by that.
        if (type == "lock") return change != "acquired";
        return type == "delete" || change == "removed";
    }

    // Of what an event tells. Several sessions may hold one lock; no name has an end of line.
    static std::string identity_of(const nlohmann::json& data) {
        if (data.contains("key")) return "key " + name_of(data);
        if (!data.contains("lock")) return "member " + name_of(data);
        return "lock " + name_of(data) + '\n' + text_of(data, "session");
    }

    // There may be millions of keys, and nobody asks for their values again.
    static nlohmann::json without_value(const nlohmann::json& data) {
        if (!data.contains("key")) return data;
        auto kept = nlohmann::json::object();
        kept["key"] = name_of(data);
        return kept;
    }

    static std::string name_of(const nlohmann::json& data) {
        for (const auto* member : {"key", "lock", "name"}) {
            if (data.contains(member)) return text_of(data, member);
        }
        return "";
    }

    static std::string lock_account_of(const nlohmann::json& data) {
        const std::string change = text_of(data, "change");
        if (change == "delay_ended") return "lock-delay ended by " + forced_by(data);
        const std::string what =
            change + " by " + text_of(data, "session") + ", token " + text_of(data, "token");
        if (change != "broken") return what;
        return "taken from " + text_of(data, "session") + ", token " + text_of(data, "token") +
               ", by " + forced_by(data);
    }

    static std::string forced_by(const nlohmann::json& data) {
        const std::string author = text_of(data, "author"), comment = text_of(data, "comment");
        return (author.empty() ? "an operator" : author) + (comment.empty() ? "" : ": " + comment);
    }

    // What happened, for people.
    static std::string account_of(const std::string& type, const nlohmann::json& data) {
        if (type == "put") return value_cell(data, value_columns_in_line);
        if (type == "lock") {
            return lock_account_of(data);
        }
        if (type == "member") {
            return text_of(data, "change") + ", " + text_of(data, "role") + ", from slot " +
                   text_of(data, "from_slot") + " on";
        }
        return "";
    }

    void show(const std::string& type, std::uint64_t revision, nlohmann::json data) const {
        if (!context_.command.empty()) return;  // Standard output is the command's.
        if (context_.format == Format::value) {
            context_.out << text_of(data, "value") << std::endl;
        } else if (context_.format != Format::table) {
            context_.out << line_of(type, std::move(data)) << std::endl;
        } else {
            const std::string what = account_of(type, data);
            const bool there = data.value("snapshot", false) && !leaves(type, data);
            std::string line = std::to_string(revision) + "  " + (there ? "there" : type) + "  " +
                               printable(name_of(data)) + (what.empty() ? "" : "  ") +
                               printable(what);
            context_.out << line << std::endl;
        }
    }

    // The event as one line of JSON.
    static std::string line_of(const std::string& type, nlohmann::json data) {
        data["event"] = type;
        return data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }

    // Each name is always there, so that none comes from a command around this one; empty where
    // the event has nothing for it. GAVEL_SESSION is not ours to set: a command that `gavel lock`
    // runs, and what it runs, writes with --guard by it.
    static std::map<std::string, std::string> environment_of(const std::string& type,
                                                             std::uint64_t revision,
                                                             const nlohmann::json& data) {
        const std::string change = text_of(data, "change");
        const bool of_snapshot = data.value("snapshot", false);
        return {{"GAVEL_EVENT", type},
                {"GAVEL_CHANGE", change.empty() ? type : change},
                {"GAVEL_KEY", name_of(data)},
                {"GAVEL_REVISION", std::to_string(revision)},
                {"GAVEL_SNAPSHOT", of_snapshot ? "true" : "false"},
                {"GAVEL_LOCK", text_of(data, "lock")},
                {"GAVEL_TOKEN", text_of(data, "token")},
                {"GAVEL_EVENT_SESSION", text_of(data, "session")},
                {"GAVEL_MEMBER", text_of(data, "member_id")}};
    }

    // Runs the command for one change and waits for its end; false when it did not succeed.
    bool run_command(const std::string& type, std::uint64_t revision, const nlohmann::json& data) {
        const auto child = Child::start({.command = context_.command,
                                         .environment = environment_of(type, revision, data),
                                         .signal_mask = signals_.mask_before(),
                                         .signal_when_parent_dies = SIGTERM,
                                         .input = line_of(type, data) + '\n'});
        if (!child) {
            context_.fail("cannot run " + context_.command.front() + ": " +
                          ::strerror(child.error().error));
            exit_code_ = child.error().exit_code();
            return false;
        }
        Child running = *child;
        SignalQueue all{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};
        int signalled = 0;
        const int code = wait_for(running, all, signalled);
        if (signalled != 0) exit_code_ = exit_by_signal(signalled);
        if (code != 0) exit_code_ = code;
        return !exit_code_;
    }

    int interrupted() { return exit_by_signal(signals_.take().value_or(SIGTERM)); }

    const Context& context_;
    const WatchOptions& options_;
    SignalQueue signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    Client client_;
    WatchPosition position_;
    struct There {
        std::uint64_t revision = 0;
        std::uint64_t stream = 0;  // The last one that brought it; 0: none that counts.
        nlohmann::json data = nlohmann::json::object();
    };
    std::map<std::string, There> there_{};  // With --snapshot: as far as it was shown.
    std::uint64_t streams_ = 0;             // A reset begins another one.
    bool opened_ = false;
    std::uint64_t shown_ = 0;
    std::optional<int> exit_code_{};
};

}  // namespace

void add_watch_command(CLI::App& app, Action& action) {
    auto options = std::make_shared<WatchOptions>();
    auto* command = app.add_subcommand("watch", "Show changes as they happen");
    command->footer(
        "A command comes last: gavel watch PREFIX [OPTIONS] --exec COMMAND [ARGUMENTS]\n"
        "It is run for each change, with the event as a line of JSON on its standard input, and\n"
        "with these in its environment, empty where the event has nothing for them:\n"
        "  GAVEL_EVENT          put, delete, lock, member, or reset when changes are missing\n"
        "  GAVEL_CHANGE         what became of it: put, delete; acquired, released, expired, "
        "broken,\n"
        "                       delay_ended; added, removed, promoted, demoted\n"
        "  GAVEL_KEY            the key, the lock, or the member's name\n"
        "  GAVEL_REVISION       of the change\n"
        "  GAVEL_SNAPSHOT       true of what was there before (--snapshot), else false\n"
        "  GAVEL_LOCK           the lock\n"
        "  GAVEL_TOKEN          the lock's fencing token\n"
        "  GAVEL_EVENT_SESSION  whose lock or ephemeral key it is\n"
        "  GAVEL_MEMBER         the member's id");
    command->add_option("PREFIX", options->prefix, "Keys that begin with this; '' for all");
    command->add_option("--key", options->keys, "One key, repeatable")->allow_extra_args(false);
    command->add_option("--locks", options->locks, "Locks that begin with this, repeatable")
        ->allow_extra_args(false);
    command->add_flag("--members", options->members, "Changes of the member set");
    auto* snapshot = command->add_flag("--snapshot", options->snapshot,
                                       "First show what is there, then changes");
    const auto read_since = [options](const std::string& text) {
        options->since = parse_event_id(text);
        if (!options->since) throw CLI::ValidationError("--since", "'" + text + "' is no revision");
    };
    command
        ->add_option_function<std::string>("--since", read_since,
                                           "Begin after this revision, or event's id; default: now")
        ->type_name("REVISION")
        ->excludes(snapshot);
    add_number(*command, "--count", options->count, "Stop after so many events", 1);
    command->callback([&action, options] {
        if (!options->prefix && options->keys.empty() && options->locks.empty() &&
            !options->members) {
            throw CLI::RequiredError("PREFIX, --key, --locks or --members");
        }
        action = [options](Context& context) { return Watch(context, *options).run(); };
    });
}

}  // namespace gavel::cli
