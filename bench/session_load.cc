#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <stdexcept>

#include "bench/load.h"

namespace gavel::bench {

namespace {

constexpr auto setup_max = std::chrono::minutes(10);
constexpr auto drain_max = std::chrono::seconds(5);

// Many sessions, carried by few connections: each is kept alive a third of its time after the last
// time, evenly spread, as many clients would do it. A keep-alive that is late because all
// connections are busy counts from when it was due.
class SessionLoad {
public:
    SessionLoad(const Options& options, std::size_t connections)
        : options_(options), run_(new_run()), timer_(io_) {
        carriers_.resize(connections);
        for (std::size_t i = 0; i < connections; ++i) {
            carriers_[i] = make_client(options, io_, i, run_);
        }
    }

    Result run() {
        const auto started = Clock::now();
        for (auto& carrier : carriers_) {
            carrier->open([this, &carrier](Answer answer) {
                answer.ok ? open_next(*carrier) : give_up(answer);
            });
        }
        io_.run_for(setup_max);
        if (sessions_.size() < options_.sessions) {
            const int status = result_.errors.empty() ? 0 : result_.errors.begin()->first;
            throw std::runtime_error("only " + std::to_string(sessions_.size()) +
                                     " sessions could be opened; status " + std::to_string(status));
        }
        io_.restart();
        const auto opened = Clock::now() - started;
        keep_all();
        if (!options_.abandon) end_all();
        result_.scenario = "sessions";
        result_.clients = options_.sessions;
        result_.seconds = std::chrono::duration<double>(options_.duration).count();
        result_.extras = {{"connections", static_cast<double>(carriers_.size())},
                          {"opened_per_s", static_cast<double>(options_.sessions) /
                                               std::chrono::duration<double>(opened).count()}};
        return result_;
    }

private:
    void give_up(Answer answer) {
        ++result_.errors[answer.status];
        io_.stop();
    }

    // ---- Opening: each connection one after the other, until all are open.

    void open_next(Client& carrier) {
        if (opening_ == options_.sessions) {
            if (++idle_ == carriers_.size()) io_.stop();
            return;
        }
        carrier.open_session(opening_++, [this, &carrier](Answer answer) {
            if (!answer.ok) return give_up(answer);
            lock_next(carrier, 0);
        });
    }

    void lock_next(Client& carrier, std::size_t held) {
        if (held == options_.session_locks) {
            sessions_.push_back(carrier.session());
            return open_next(carrier);
        }
        carrier.lock_another(held, [this, &carrier, held](Answer answer) {
            if (!answer.ok) return give_up(answer);
            lock_next(carrier, held + 1);
        });
    }

    // ---- Keeping alive

    Clock::time_point due(std::uint64_t number) const {
        const auto round = std::chrono::duration_cast<Clock::duration>(options_.session_ttl) / 3;
        return begin_ + round * static_cast<std::int64_t>(number) /
                            static_cast<std::int64_t>(sessions_.size());
    }

    void keep_all() {
        begin_ = Clock::now();
        for (auto& carrier : carriers_) free_.push_back(carrier.get());
        keep_due();
        io_.run_until(begin_ + options_.warmup + options_.duration + drain_max);
        io_.restart();
    }

    void keep_due() {
        const auto now = Clock::now();
        if (now >= begin_ + options_.warmup + options_.duration) {
            if (free_.size() == carriers_.size()) io_.stop();
            return;
        }
        while (!free_.empty() && due(next_) <= now) {
            Client& carrier = *free_.back();
            free_.pop_back();
            keep(carrier, next_++);
        }
        if (free_.empty()) return;
        timer_.expires_at(due(next_));
        timer_.async_wait([this](auto error) {
            if (!error) keep_due();
        });
    }

    void keep(Client& carrier, std::uint64_t number) {
        carrier.keep_alive(sessions_[number % sessions_.size()],
                           [this, &carrier, number](Answer answer) {
                               const auto now = Clock::now();
                               const auto from = due(number);
                               if (!answer.ok) {
                                   ++result_.errors[answer.status];
                               } else if (from >= begin_ + options_.warmup) {
                                   ++result_.operations;
                                   result_.latency.record((now - from).count());
                               }
                               free_.push_back(&carrier);
                               keep_due();
                           });
    }

    // ---- Ending

    void end_all() {
        idle_ = 0;
        for (auto& carrier : carriers_) end_next(*carrier);
        io_.run_for(setup_max);
    }

    void end_next(Client& carrier) {
        if (sessions_.empty()) {
            if (++idle_ == carriers_.size()) io_.stop();
            return;
        }
        const std::string session = std::move(sessions_.back());
        sessions_.pop_back();
        carrier.end_session(session, [this, &carrier](Answer) { end_next(carrier); });
    }

    const Options& options_;
    std::string run_;
    boost::asio::io_context io_{1};
    boost::asio::steady_timer timer_;
    std::vector<std::unique_ptr<Client>> carriers_;
    std::vector<Client*> free_;
    std::vector<std::string> sessions_;
    std::uint64_t opening_{};
    std::size_t idle_{};
    std::uint64_t next_{};  // Keep-alives sent, over all rounds.
    Clock::time_point begin_{};
    Result result_;
};

}  // namespace

Result run_sessions(const Options& options, std::size_t connections) {
    if (options.backend != "gavel") throw std::runtime_error("sessions: gavel only");
    return SessionLoad(options, connections).run();
}

}  // namespace gavel::bench
