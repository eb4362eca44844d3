#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <stdexcept>

#include "bench/load.h"

namespace gavel::bench {

namespace {

constexpr std::size_t opening_at_once = 64;
constexpr std::uint64_t keys_written = 1000;
constexpr auto setup_max = std::chrono::seconds(120);
constexpr auto drain_max = std::chrono::seconds(10);

// Equal for equal sequences only, as far as 64 bits can tell.
std::uint64_t folded(std::uint64_t sequence, std::uint64_t mark) {
    return (sequence ^ mark) * 0x9E3779B97F4A7C15ULL + (sequence >> 29);
}

class WatchLoad {
public:
    WatchLoad(const Options& options, std::size_t watchers)
        : options_(options), run_(new_run()), watchers_(watchers) {
        for (std::size_t i = 0; i < watchers; ++i) {
            watchers_[i].client = make_client(options, io_, i, run_);
        }
        writer_ = make_client(options, io_, 0, run_);
    }

    Result run() {
        for (std::size_t i = 0; i < opening_at_once; ++i) open_next();
        io_.run_for(setup_max);
        if (watching_ < watchers_.size()) {
            throw std::runtime_error("only " + std::to_string(watching_) + " of " +
                                     std::to_string(watchers_.size()) +
                                     " watchers could be set up");
        }
        io_.restart();

        begin_ = Clock::now() + options_.warmup;
        end_ = begin_ + options_.duration;
        writer_->open([this](Answer answer) { answer.ok ? write() : give_up(answer); });
        io_.run_until(end_ + drain_max);
        return finish();
    }

private:
    struct Watcher {
        std::unique_ptr<Client> client;
        std::uint64_t events{};
        std::uint64_t sequence{};
    };

    void open_next() {
        if (opening_ == watchers_.size()) return;
        Watcher& watcher = watchers_[opening_++];
        watcher.client->open([this, &watcher](Answer opened) {
            if (!opened.ok) return give_up(opened);
            watcher.client->watch([this, &watcher](std::uint64_t mark) { on_event(watcher, mark); },
                                  [this](Answer begun) {
                                      if (!begun.ok) return give_up(begun);
                                      on_watching();
                                  });
        });
    }

    void on_watching() {
        if (++watching_ == watchers_.size()) return io_.stop();
        open_next();
    }

    void give_up(Answer answer) { ++result_.errors[answer.status]; }

    // At a rate it counts from when it was due, and whoever falls behind is not waited for.
    void write() {
        if (Clock::now() >= end_) return stop_when_all_is_seen();
        put_at_.push_back(options_.rate != 0 ? due_at(puts_) : Clock::now());
        seen_.push_back(0);
        writer_->put(put_at_.size() % keys_written, false, [this](Answer answer) {
            if (!answer.ok) return give_up(answer);
            written_ = folded(written_, answer.mark);
            ++puts_;
            if (options_.rate != 0) return write_when_due();
            write_when_seen();
        });
    }

    Clock::time_point due_at(std::uint64_t put) const {
        return begin_ - options_.warmup +
               std::chrono::nanoseconds(1'000'000'000 * put / options_.rate);
    }
    void write_when_due() {
        timer_.expires_at(due_at(puts_));
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (!error) write();
        });
    }

    // So few are ahead that nobody's output piles up.
    bool has_room() const { return delivered_ + (options_.ahead - 1) * watchers_.size() >= due(); }
    std::uint64_t due() const { return puts_ * watchers_.size(); }

    void write_when_seen() {
        waits_ = !has_room();
        if (!waits_) write();
    }

    void on_event(Watcher& watcher, std::uint64_t mark) {
        const auto now = Clock::now();
        if (watcher.events < put_at_.size() && now >= begin_ && now <= end_) {
            const auto took = (now - put_at_[watcher.events]).count();
            ++result_.operations;
            result_.latency.record(took);
            if (++seen_[watcher.events] == watchers_.size()) last_.record(took);
        }
        ++watcher.events;
        watcher.sequence = folded(watcher.sequence, mark);
        ++delivered_;
        if (waits_ && has_room()) {
            waits_ = false;
            write();
        } else if (stopping_ && delivered_ >= due()) {
            io_.stop();
        }
    }

    void stop_when_all_is_seen() {
        stopping_ = true;
        if (delivered_ >= due()) io_.stop();
    }

    Result finish() {
        const auto right =
            std::count_if(watchers_.begin(), watchers_.end(), [&](const auto& watcher) {
                return watcher.events == puts_ && watcher.sequence == written_;
            });
        result_.scenario = "watch";
        result_.clients = watchers_.size();
        result_.seconds = std::chrono::duration<double>(options_.duration).count();
        const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
        result_.extras = {
            {"puts", static_cast<double>(puts_)},
            {"last_p50_ms", ms(last_.percentile_ns(0.5))},
            {"last_p99_ms", ms(last_.percentile_ns(0.99))},
            {"watchers_wrong", static_cast<double>(watchers_.size()) - static_cast<double>(right)}};
        return result_;
    }

    const Options& options_;
    std::string run_;
    boost::asio::io_context io_{1};
    std::vector<Watcher> watchers_;
    std::unique_ptr<Client> writer_;
    std::size_t opening_{}, watching_{};
    Clock::time_point begin_{}, end_{};
    std::vector<Clock::time_point> put_at_;
    std::vector<std::size_t> seen_;  // By how many, of each put.
    Histogram last_;                 // Until the last one had seen it.
    boost::asio::steady_timer timer_{io_};
    std::uint64_t puts_{}, delivered_{};
    std::uint64_t written_{};  // The sequence of marks, as the writer was told them.
    bool waits_{}, stopping_{};
    Result result_;
};

}  // namespace

Result run_watch(const Options& options, std::size_t clients) {
    Options keys = options;
    keys.keys = keys_written;
    run_load(keys, Work::fill, "fill", 16);
    return WatchLoad(options, clients).run();
}

}  // namespace gavel::bench
