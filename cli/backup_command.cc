#include <signal.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "base/framed_file.h"
#include "cli/atomic_file.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/render.h"
#include "cli/signals.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

using std::chrono::milliseconds;

// The state follows the log within two seconds; then a piece comes each time one was taken.
constexpr milliseconds silence_limit{30'000};

struct BackupOptions {
    std::string file{};
    bool stale = false;
};

class BackupRun {
public:
    BackupRun(const Context& context, const BackupOptions& options)
        : context_(context), options_(options) {
        // So that a signal leaves no half of a file behind. Standard output may be read by somebody
        // who has stopped reading: there a signal ends us as it ends anybody.
        if (!to_output()) signals_.emplace({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
        client_.emplace(context.endpoints, signals_ ? signals_->fd() : -1);
    }

    int run() {
        if (to_output()) {
            if (context_.out_is_terminal) {
                context_.say("a backup is nothing for a terminal; name a file, or send it on");
                return exit_usage;
            }
        } else {
            auto file = AtomicFile::make(options_.file);
            if (!file) return complain(file.error());
            file_.emplace(std::move(*file));
        }
        for (std::size_t tries = 1;; ++tries) {
            const auto answer = fetch();
            if (const auto signal = signals_ ? signals_->take() : std::nullopt) {
                return exit_by_signal(*signal);
            }
            if (complaint_) return complain(*complaint_);
            if (answer && frames_.complete()) return finish();
            const std::string why = answer ? "the backup is not complete: its end is missing"
                                           : describe(answer.error());
            const bool again = !answer && !answer.error().retryable ? false : may_begin_anew();
            if (!again || tries >= context_.endpoints.size()) {
                return context_.fail(why);
            }
            context_.say(why + "; beginning anew at the next endpoint");
            if (answer) client_->use_next_endpoint();
            if (file_) {
                if (const auto complaint = file_->clear()) return complain(*complaint);
            }
            frames_ = {};
            bytes_ = 0;
        }
    }

private:
    bool to_output() const { return options_.file == "-"; }
    // What went to standard output cannot be taken back.
    bool may_begin_anew() const { return file_ || bytes_ == 0; }

    Result<HttpResponse, Failure> fetch() {
        return client_->stream(
            {.target = options_.stale ? "/v1/backup?consistency=stale" : "/v1/backup",
             .attempt_limit = silence_limit},
            [this](std::string_view piece) { return take(piece); });
    }

    bool take(std::string_view piece) {
        const bool good = frames_.feed(
            piece, [this](char kind, std::string_view content) { return note(kind, content); });
        if (!good) {
            complaint_ = Complaint{"the backup cannot be used: " + frames_.complaint()};
            return false;
        }
        bytes_ += piece.size();
        if (file_) {
            complaint_ = file_->write(piece);
        } else if (!context_.out.write(piece.data(), static_cast<std::streamsize>(piece.size()))) {
            complaint_ = Complaint{"cannot write to standard output"};
        }
        return !complaint_;
    }

    // What it is of, in its own words. The state itself is looked at when it is restored.
    bool note(char kind, std::string_view content) {
        while (kind == Frame::header && !content.empty()) {
            const auto line = content.substr(0, content.find('\n'));
            content.remove_prefix(std::min(line.size() + 1, content.size()));
            const auto equals = std::min(line.find('='), line.size());
            const std::string value(line.substr(std::min(equals + 1, line.size())));
            if (line.substr(0, equals) == "revision") revision_ = value;
            if (line.substr(0, equals) == "cluster_id") cluster_ = value;
        }
        return kind == Frame::header || kind == Frame::rows || kind == Frame::globals;
    }

    int finish() {
        if (to_output()) {
            context_.out.flush();
            if (!context_.out) return complain({"cannot write to standard output"});
        } else if (const auto complaint = file_->finish()) {
            return complain(*complaint);
        }
        const std::string digest = digest_text(frames_.digest());
        const std::string told = "revision " + revision_ + " of cluster " + cluster_ + ", " +
                                 std::to_string(bytes_) + " bytes, digest " + digest;
        if (to_output()) {
            context_.say(told);
        } else if (context_.format == Format::table) {
            context_.out << printable(options_.file + ": " + told) << '\n';
        } else if (context_.format == Format::value) {
            context_.out << printable(revision_) << '\n';
        } else {
            print_json(context_, {{"file", options_.file},
                                  {"cluster_id", cluster_},
                                  {"revision", revision_},
                                  {"bytes", bytes_},
                                  {"digest", digest}});
        }
        return exit_success;
    }

    int complain(const Complaint& complaint) const { return context_.fail(complaint.text); }

    const Context& context_;
    const BackupOptions& options_;
    std::optional<SignalQueue> signals_{};
    std::optional<Client> client_{};
    std::optional<AtomicFile> file_{};
    FrameReader frames_{};
    std::optional<Complaint> complaint_{};
    std::uint64_t bytes_ = 0;
    std::string revision_{};
    std::string cluster_{};
};

}  // namespace

void add_backup_command(CLI::App& app, Action& action) {
    auto options = std::make_shared<BackupOptions>();
    auto* command = app.add_subcommand("backup", "Copy the whole state into a file");
    command->add_option("FILE", options->file, "Where to; '-' is standard output")->required();
    command->add_flag("--stale", options->stale,
                      "What one member has on its disk, though there is no leader");
    command->callback([&action, options] {
        action = [options](Context& context) { return BackupRun(context, *options).run(); };
    });
}

}  // namespace gavel::cli
