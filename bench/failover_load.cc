#include <signal.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>

#include "bench/load.h"

namespace gavel::bench {

namespace {

using boost::asio::steady_timer;

constexpr auto gap = std::chrono::milliseconds(2);
// Longer than a healthy put takes, shorter than any election: a put that hangs is given up.
constexpr auto attempt_max = std::chrono::milliseconds(200);
constexpr auto reopen_after = std::chrono::milliseconds(10);

class FailoverLoad {
public:
    explicit FailoverLoad(const Options& options)
        : options_(options), killing_(io_), run_(new_run()) {
        for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
            writers_.push_back(std::make_unique<WriterOf>(*this, i));
        }
    }

    Result run() {
        begin_ = Clock::now() + options_.warmup;
        end_ = begin_ + options_.duration;
        last_success_ = begin_;
        if (options_.kill_pid > 0) {
            killing_.expires_at(begin_ + options_.kill_after);
            killing_.async_wait([this](auto) {
                ::kill(options_.kill_pid, options_.kill_stops ? SIGSTOP : SIGKILL);
                killed_at_ = Clock::now();
            });
        }
        for (const auto& writer : writers_) writer->open();
        io_.run_until(end_);
        on_success_gap(end_);
        return finish();
    }

private:
    class WriterOf {
    public:
        WriterOf(FailoverLoad& load, std::size_t index)
            : load_(load),
              index_(index),
              client_(make_client(load.options_, load.io_, index, load.run_)),
              pause_(load.io_),
              limit_(load.io_) {}

        void open() {
            const std::uint64_t attempt = start_attempt();
            client_->open([this, attempt](Answer answer) {
                if (attempt != attempt_) return;
                answer.ok ? put() : reopen(answer.status);
            });
        }

    private:
        void put() {
            const std::uint64_t attempt = start_attempt();
            const auto started = Clock::now();
            client_->put(index_, false, [this, attempt, started](Answer answer) {
                if (attempt != attempt_) return;
                if (!answer.ok) return reopen(answer.status);
                load_.on_success(started);
                limit_.cancel();
                ++attempt_;
                pause_.expires_after(gap);
                pause_.async_wait([this](auto) { put(); });
            });
        }

        std::uint64_t start_attempt() {
            const std::uint64_t attempt = ++attempt_;
            limit_.expires_after(attempt_max);
            limit_.async_wait([this, attempt](const boost::system::error_code& error) {
                if (!error && attempt == attempt_) reopen(0);
            });
            return attempt;
        }

        // The answer to a put that was given up must not be taken for the next one's.
        void reopen(int status) {
            ++attempt_;
            limit_.cancel();
            load_.on_error(status);
            client_->close();
            pause_.expires_after(reopen_after);
            pause_.async_wait([this](auto) { open(); });
        }

        FailoverLoad& load_;
        std::size_t index_;
        std::unique_ptr<Client> client_;
        steady_timer pause_;
        steady_timer limit_;
        std::uint64_t attempt_{};
    };

    void on_success(Clock::time_point started) {
        const auto now = Clock::now();
        if (now < begin_) return;
        ++result_.operations;
        result_.latency.record((now - started).count());
        on_success_gap(now);
    }

    void on_success_gap(Clock::time_point now) {
        longest_ = std::max(longest_, now - last_success_);
        if (killed_at_ != Clock::time_point{}) {
            longest_after_kill_ =
                std::max(longest_after_kill_, now - std::max(last_success_, killed_at_));
        }
        last_success_ = now;
    }

    void on_error(int status) {
        if (Clock::now() >= begin_) ++result_.errors[status];
    }

    Result finish() {
        const auto ms = [](Clock::duration duration) {
            return std::chrono::duration<double, std::milli>(duration).count();
        };
        result_.scenario = "failover";
        result_.clients = writers_.size();
        result_.seconds = std::chrono::duration<double>(options_.duration).count();
        result_.extras = {{"longest_gap_ms", ms(longest_)}};
        if (options_.kill_pid > 0) {
            result_.extras.emplace_back("longest_gap_after_kill_ms", ms(longest_after_kill_));
        }
        return result_;
    }

    const Options& options_;
    boost::asio::io_context io_{1};
    steady_timer killing_;
    std::string run_;
    std::vector<std::unique_ptr<WriterOf>> writers_;
    Clock::time_point begin_{}, end_{}, last_success_{}, killed_at_{};
    Clock::duration longest_{}, longest_after_kill_{};
    Result result_;
};

}  // namespace

Result run_failover(const Options& options) { return FailoverLoad(options).run(); }

}  // namespace gavel::bench
