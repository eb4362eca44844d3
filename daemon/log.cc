#include "daemon/log.h"

#include <sys/stat.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION  // Ours would always be this file.
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace gavel::daemon::log {
namespace {

constexpr std::array<std::string_view, 4> level_names{"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 3> format_names{"text", "json", "journal"};
constexpr std::size_t queued_lines_max = 4'096;

// A line as it is written: one element, or for the journal its fields.
using Rendered = std::vector<std::string>;

Rendered render(Format format, const Line& line) {
    switch (format) {
        case Format::text:
            return {render_text(line) + '\n'};
        case Format::json:
            return {render_json(line) + '\n'};
        case Format::journal:
            return render_journal(line);
    }
    return {};
}

void write_to_stderr(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;  // Nobody reads it: there is nowhere to say so.
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

void write_out(Format format, Rendered& line) {
    if (format != Format::journal) return write_to_stderr(line.front());
    std::vector<iovec> fields;
    fields.reserve(line.size());
    for (auto& field : line) fields.push_back({field.data(), field.size()});
    sd_journal_sendv(fields.data(), static_cast<int>(fields.size()));
}

class Writer {
public:
    void start(Format format) {
        stop();
        format_ = format;
        running_ = true;
        thread_ = std::thread([this] { run(); });
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            if (!running_) return;
            running_ = false;
        }
        wake_.notify_one();
        thread_.join();
    }

    void take(const Line& line) {
        Rendered rendered = render(format_, line);
        {
            const std::lock_guard lock(mutex_);
            if (running_) {
                if (queue_.size() >= queued_lines_max) {
                    ++dropped_;
                    return;
                }
                queue_.push_back(std::move(rendered));
                if (queue_.size() > 1) return;  // The writer is awake.
            }
        }
        if (!rendered.empty()) return write_out(format_, rendered);
        wake_.notify_one();
    }

private:
    void run() {
        std::unique_lock lock(mutex_);
        while (running_ || !queue_.empty()) {
            wake_.wait(lock, [this] { return !running_ || !queue_.empty(); });
            std::deque<Rendered> lines = std::exchange(queue_, {});
            const std::uint64_t dropped = std::exchange(dropped_, 0);
            lock.unlock();
            for (auto& line : lines) write_out(format_, line);
            if (dropped > 0) say_dropped(dropped);
            lock.lock();
        }
    }

    void say_dropped(std::uint64_t count) {
        const std::array fields{Field("lines", count)};
        Rendered line = render(format_, {std::chrono::system_clock::now(), Level::warning,
                                         "log lines were dropped", fields});
        write_out(format_, line);
    }

    std::atomic<Format> format_{Format::text};
    std::mutex mutex_{};
    std::condition_variable wake_{};
    std::deque<Rendered> queue_{};
    std::uint64_t dropped_ = 0;
    bool running_ = false;
    std::thread thread_{};
};

Writer& writer() {
    // Never destroyed: another thread may log while the process exits.
    static auto* const the_writer = new Writer;
    return *the_writer;
}

std::atomic<Level> lowest{Level::info};

void add(Level at, std::string_view message, Fields fields) {
    if (at < lowest.load(std::memory_order_relaxed)) return;
    writer().take({std::chrono::system_clock::now(), at, message, {fields.begin(), fields.size()}});
}

bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat there {};
    if (stream == nullptr || fstat(STDERR_FILENO, &there) != 0) return false;
    return std::to_string(there.st_dev) + ':' + std::to_string(there.st_ino) == stream;
}

}  // namespace

std::string_view to_string(Level level) { return level_names.at(static_cast<std::size_t>(level)); }

std::string_view to_string(Format format) {
    return format_names.at(static_cast<std::size_t>(format));
}

std::optional<Level> level_from(std::string_view name) {
    for (std::size_t i = 0; i < level_names.size(); ++i) {
        if (level_names[i] == name) return static_cast<Level>(i);
    }
    return std::nullopt;
}

std::optional<Format> format_from(std::string_view name) {
    for (std::size_t i = 0; i < format_names.size(); ++i) {
        if (format_names[i] == name) return static_cast<Format>(i);
    }
    return std::nullopt;
}

void debug(std::string_view message, Fields fields) { add(Level::debug, message, fields); }
void info(std::string_view message, Fields fields) { add(Level::info, message, fields); }
void warning(std::string_view message, Fields fields) { add(Level::warning, message, fields); }
void error(std::string_view message, Fields fields) { add(Level::error, message, fields); }

void set_level(Level level) { lowest = level; }
Level level() { return lowest; }

Format format_for_stderr() {
    if (stderr_is_journal()) return Format::journal;
    return isatty(STDERR_FILENO) == 1 ? Format::text : Format::json;
}

void start(Format format, Level level) {
    set_level(level);
    writer().start(format);
}

void stop() { writer().stop(); }

}  // namespace gavel::daemon::log
