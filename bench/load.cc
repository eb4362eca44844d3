#include "bench/load.h"

#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <exception>
#include <stdexcept>
#include <thread>

#include "base/prng.h"

namespace gavel::bench {

namespace {

using boost::asio::steady_timer;

constexpr std::size_t opening_at_once = 64;
constexpr auto setup_max = std::chrono::seconds(10);
constexpr auto drain_max = std::chrono::seconds(5);
constexpr auto pause_after_error = std::chrono::milliseconds(10);
constexpr auto pause_in_setup = std::chrono::milliseconds(200);

constexpr std::uint64_t places = 8;         // Of the semaphore.
constexpr std::uint64_t keys_at_once = 10;  // In a transaction.
constexpr std::uint64_t own_keys = 16;      // Ephemeral ones of a client, and of those in the past.
constexpr std::uint64_t own_from = 900'000'000;  // Where others are not.

bool shares_one_lock(Work work) {
    return work == Work::handoff || work == Work::shared || work == Work::semaphore;
}
bool is_locking(Work work) { return work == Work::lock || shares_one_lock(work); }
bool has_session(Work work) { return is_locking(work) || work == Work::ephemeral; }

class Worker;

// Keeps one client busy.
class Runner {
public:
    Runner(Worker& worker, std::unique_ptr<Client> client, std::size_t index);

    void open();
    void next();
    std::string session() const { return client_->session(); }

private:
    void on_opened(Answer answer);
    void on_ready();
    void operate();
    void lock();
    void look_back();
    std::uint64_t own_key();
    void on_done(Answer answer);
    void recover(Answer answer);
    void finish();

    Worker& worker_;
    std::unique_ptr<Client> client_;
    std::size_t index_;
    steady_timer pause_;
    Prng prng_;
    Clock::time_point started_{};  // With a rate: when it was due.
    bool was_ready_{};
    std::vector<std::uint64_t> before_;  // Marks of first puts, which are in the past.
};

// One thread's share of the clients, with its own io_context.
class Worker {
public:
    Worker(const Options& options, Work work, const std::string& run, std::size_t clients)
        : options_(options), work_(work), run_(run), clients_(clients) {}

    void add_client(std::size_t index) {
        runners_.push_back(
            std::make_unique<Runner>(*this, make_client(options_, io_, index, run_), index));
    }

    // Connects them all, and makes their sessions.
    void set_up() {
        if (runners_.empty()) return;
        for (std::size_t i = 0; i < opening_at_once; ++i) open_next();
        io_.run_for(setup_max);
        if (ready_ < runners_.size()) {
            const auto& errors = result_.errors;
            const int status = errors.empty() ? 0 : errors.begin()->first;
            throw std::runtime_error(
                "only " + std::to_string(ready_) + " of " + std::to_string(runners_.size()) +
                " clients could be set up in 10 s; " +
                (status == 0 ? "connections are refused or lost"
                             : "others were answered " + std::to_string(status)));
        }
        result_.errors.clear();
        io_.restart();
    }

    void measure() {
        if (runners_.empty()) return;
        measuring_ = true;
        begin_ = Clock::now() + (work_ == Work::fill ? Clock::duration{} : options_.warmup);
        end_ = work_ == Work::fill ? Clock::time_point::max() : begin_ + options_.duration;
        if (has_session(work_) && !runners_.front()->session().empty()) start_keeper();
        for (const auto& runner : runners_) runner->next();
        if (work_ == Work::fill) {
            io_.run();
        } else {
            io_.run_until(end_ + drain_max);
        }
        result_.seconds =
            std::chrono::duration<double>((work_ == Work::fill ? Clock::now() : end_) - begin_)
                .count();
    }

    void on_ready() {
        if (++ready_ == runners_.size()) return io_.stop();
        open_next();
    }
    void on_finished() {
        if (++finished_ == runners_.size()) io_.stop();
    }

    void record(Clock::time_point from, Clock::time_point to) {
        if (from < begin_ || to > end_) return;
        ++result_.operations;
        result_.latency.record((to - from).count());
    }
    void count_error(int status) { ++result_.errors[status]; }

    bool is_over(Clock::time_point now) const {
        return now >= end_ || (work_ == Work::fill && keys_.first >= keys_.second);
    }
    void share_keys(std::uint64_t first, std::uint64_t end) { keys_ = {first, end}; }
    std::uint64_t next_key() { return keys_.first++; }

    // Between two operations of one client; 0: they follow each other at once.
    Clock::duration interval() const {
        if (options_.rate == 0 || work_ == Work::fill) return {};
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
            static_cast<double>(clients_) / static_cast<double>(options_.rate)));
    }
    std::size_t clients() const { return clients_; }

    bool is_measuring() const { return measuring_; }
    const Options& options() const { return options_; }
    Work work() const { return work_; }
    boost::asio::io_context& io() { return io_; }
    const Result& result() const { return result_; }

private:
    void open_next() {
        if (opening_ < runners_.size()) runners_[opening_++]->open();
    }

    // Sessions are kept alive by a connection of its own, each at a third of its time.
    void start_keeper() {
        keeper_ = make_client(options_, io_, 0, run_);
        keeper_pause_ = std::make_unique<steady_timer>(io_);
        keeper_->open([this](Answer answer) { keep_next(answer); });
    }

    void keep_next(Answer answer) {
        if (is_over(Clock::now())) return;  // Sessions are being ended.
        if (!answer.ok) count_error(answer.status);
        keeper_pause_->expires_after(std::chrono::milliseconds(session_ttl_s * 1000 / 3) /
                                     runners_.size());
        keeper_pause_->async_wait([this, lost = !answer.ok && answer.status == 0](auto) {
            const auto done = [this](Answer kept) { keep_next(kept); };
            if (lost) return keeper_->open(done);
            kept_ = (kept_ + 1) % runners_.size();
            keeper_->keep_alive(runners_[kept_]->session(), done);
        });
    }

    const Options& options_;
    Work work_;
    std::string run_;
    std::size_t clients_;  // Of all workers.
    boost::asio::io_context io_{1};
    std::vector<std::unique_ptr<Runner>> runners_;
    std::unique_ptr<Client> keeper_;
    std::unique_ptr<steady_timer> keeper_pause_;
    std::size_t kept_{};
    std::size_t opening_{}, ready_{}, finished_{};
    std::pair<std::uint64_t, std::uint64_t> keys_{};
    bool measuring_{};
    Clock::time_point begin_{}, end_{};
    Result result_;
};

Runner::Runner(Worker& worker, std::unique_ptr<Client> client, std::size_t index)
    : worker_(worker),
      client_(std::move(client)),
      index_(index),
      pause_(worker.io()),
      prng_(worker.options().seed * 1'000'003 + index) {}

void Runner::open() {
    client_->open([this](Answer answer) { on_opened(answer); });
}

void Runner::on_opened(Answer answer) {
    if (!answer.ok) return recover(answer);
    if (!has_session(worker_.work())) return on_ready();
    client_->open_session(shares_one_lock(worker_.work()) ? 0 : index_,
                          [this](Answer opened) { opened.ok ? on_ready() : recover(opened); });
}

void Runner::on_ready() {
    if (!std::exchange(was_ready_, true)) return worker_.on_ready();
    next();
}

void Runner::next() {
    const auto now = Clock::now();
    if (worker_.is_over(now)) return finish();
    const auto interval = worker_.interval();
    if (interval == Clock::duration{}) {
        started_ = now;
        return operate();
    }
    // Evenly over the clients from the start on; who is late hurries.
    if (started_ == Clock::time_point{}) {
        started_ = now + interval / static_cast<std::int64_t>(worker_.clients()) *
                             static_cast<std::int64_t>(index_);
    } else {
        started_ += interval;
    }
    if (started_ <= now) return operate();
    pause_.expires_at(started_);
    pause_.async_wait([this](auto) { operate(); });
}

void Runner::operate() {
    const auto done = [this](Answer answer) { on_done(answer); };
    const std::uint64_t keys = worker_.options().keys;
    switch (worker_.work()) {
        case Work::put:
            return client_->put(prng_.below(keys), false, done);
        case Work::get:
            return client_->get(prng_.below(keys), true, done);
        case Work::get_stale:
            return client_->get(prng_.below(keys), false, done);
        case Work::fill:
            return client_->put(worker_.next_key(), true, done);
        case Work::transact:
            return client_->transact(prng_.below(keys - std::min(keys - 1, keys_at_once)),
                                     keys_at_once, done);
        case Work::get_past:
            return look_back();
        case Work::ephemeral:
            return client_->put_ephemeral(own_key(), done);
        case Work::lock:
        case Work::handoff:
        case Work::shared:
        case Work::semaphore:
            return lock();
    }
}

std::uint64_t Runner::own_key() { return own_from + index_ * own_keys + prng_.below(own_keys); }

// Its own keys are put twice first: what is read is what the second put replaced.
void Runner::look_back() {
    if (before_.size() == own_keys) {
        const std::uint64_t i = prng_.below(own_keys);
        return client_->get_past(own_from + index_ * own_keys + i, before_[i],
                                 [this](Answer answer) { on_done(answer); });
    }
    const std::uint64_t key = own_from + index_ * own_keys + before_.size();
    client_->put(key, true, [this, key](Answer first) {
        if (!first.ok) return recover(first);
        client_->put(key, false, [this, first](Answer second) {
            if (!second.ok) return recover(second);
            before_.push_back(first.mark);
            next();
        });
    });
}

// A pair counts when the lock is free again, a hand-off when the lock is got.
void Runner::lock() {
    const auto got = [this](Answer locked) {
        if (!locked.ok) return recover(locked);
        if (worker_.work() != Work::handoff) {
            return client_->unlock([this](Answer unlocked) { on_done(unlocked); });
        }
        worker_.record(started_, Clock::now());
        client_->unlock([this](Answer unlocked) { unlocked.ok ? next() : recover(unlocked); });
    };
    if (worker_.work() == Work::shared) return client_->lock_shared(0, got);
    if (worker_.work() == Work::semaphore) return client_->lock_shared(places, got);
    client_->lock(got);
}

void Runner::on_done(Answer answer) {
    if (!answer.ok) return recover(answer);
    worker_.record(started_, Clock::now());
    next();
}

void Runner::recover(Answer answer) {
    worker_.count_error(answer.status);
    pause_.expires_after(was_ready_ ? pause_after_error : pause_in_setup);
    pause_.async_wait(
        [this, lost = answer.status == 0](auto) { lost || !was_ready_ ? open() : next(); });
}

void Runner::finish() {
    if (!has_session(worker_.work())) return worker_.on_finished();
    client_->end_session([this](Answer) { worker_.on_finished(); });
}

// Runs every worker in its thread; they begin to measure together.
Result run_workers(std::deque<Worker>& workers) {
    std::barrier together(static_cast<std::ptrdiff_t>(workers.size()));
    std::vector<std::exception_ptr> failures(workers.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < workers.size(); ++i) {
        threads.emplace_back([&, i] {
            try {
                workers[i].set_up();
            } catch (...) {
                failures[i] = std::current_exception();
            }
            together.arrive_and_wait();
            if (!failures[i]) workers[i].measure();
        });
    }
    for (auto& thread : threads) thread.join();

    Result result;
    for (std::size_t i = 0; i < workers.size(); ++i) {
        if (failures[i]) std::rethrow_exception(failures[i]);
        result.add(workers[i].result());
        result.seconds = std::max(result.seconds, workers[i].result().seconds);
    }
    return result;
}

}  // namespace

std::unique_ptr<Client> make_client(const Options& options, boost::asio::io_context& io,
                                    std::size_t index, const std::string& run) {
    const Endpoint endpoint = options.endpoints[index % options.endpoints.size()];
    Client::Setup setup{io, endpoint, options.value_size, run, options.session_ttl};
    if (options.backend == "etcd") return make_etcd_client(std::move(setup));
    if (options.backend == "zookeeper") return make_zookeeper_client(std::move(setup));
    return make_gavel_client(std::move(setup));
}

std::string new_run() {
    static int runs = 0;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    return std::to_string(seconds) + "-" + std::to_string(getpid()) + "-" + std::to_string(++runs);
}

Result run_load(const Options& options, Work work, std::string name, std::size_t clients) {
    std::deque<Worker> workers;
    const std::size_t threads = std::min(options.threads, clients);
    const std::string run = new_run();
    for (std::size_t t = 0; t < threads; ++t) {
        Worker& worker = workers.emplace_back(options, work, run, clients);
        worker.share_keys(options.keys * t / threads, options.keys * (t + 1) / threads);
        for (std::size_t i = t; i < clients; i += threads) worker.add_client(i);
    }
    Result result = run_workers(workers);
    result.scenario = std::move(name);
    result.clients = clients;
    return result;
}

}  // namespace gavel::bench
