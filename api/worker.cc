#include "api/worker.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <ctime>

#include "api/durations.h"
#include "api/router.h"
#include "statemachine/history.h"

namespace gavel::api {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Limits are checked this often: fine enough for the shortest, never more than each 10 ms.
milliseconds sweep_interval(const ServerOptions& options) {
    const auto shortest =
        std::min({options.header_time, options.body_time, options.idle_time, options.write_time,
                  options.linger_time, options.bookmark_interval});
    return std::clamp(shortest / 4, milliseconds(10), milliseconds(1'000));
}

}  // namespace

ServerShared::ServerShared(Gateway& member, ServerOptions given)
    : gateway(member),
      options(std::move(given)),
      metrics(routes().size()),
      waits(options.waits_max),
      watches(options.watches_max),
      backups(options.backups_max),
      connections(options.connections_max) {}

Worker::Worker(std::shared_ptr<ServerShared> shared, std::uint64_t id_seed)
    : shared_(std::move(shared)),
      context_(1),
      work_(asio::make_work_guard(context_)),
      sweep_timer_(context_),
      task_timer_(context_) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned shift = 64; shift > 0; shift -= 4) {
        id_prefix_ += digits[id_seed >> (shift - 4) & 15U];
    }
    id_prefix_ += '-';
}

Worker::~Worker() = default;

void Worker::run() {
    subscription_ =
        shared_->gateway.subscribe([weak = weak_from_this()](const Gateway::Changes& changes) {
            if (const auto self = weak.lock()) self->post_changes(changes);
        });
    start_sweep();
    context_.run();
    subscription_.reset();
    // Tasks hold calls, calls hold connections, connections hold this worker.
    std::vector<Mail> left;
    {
        const std::lock_guard lock(mutex_);
        finished_ = true;
        left.swap(mail_);
        open_changes_ = none;
    }
}

Services Worker::services() {
    return {shared_->gateway,
            *this,
            hub_,
            shared_->metrics,
            shared_->waits,
            shared_->watches,
            shared_->backups,
            shared_->options,
            schemas_};
}

bool Worker::put_in(Mail mail) {
    if (finished_) return false;
    mail_.push_back(std::move(mail));
    return mail_.size() == 1;
}

void Worker::wake() {
    asio::post(context_, [this] { take_mail(); });
}

void Worker::post(Task task) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = put_in({std::move(task), {}});
    }
    if (first) wake();
}

void Worker::post_fenced(Task task) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = put_in({std::move(task), {}});
        open_changes_ = none;
    }
    if (first) wake();
}

void Worker::post_changes(const Gateway::Changes& changes) {
    if (!hub_.attended()) return;
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (finished_) return;
        if (open_changes_ == none) {
            open_changes_ = mail_.size();
            first = put_in({});
        }
        gather(mail_[open_changes_], changes);
    }
    if (first) wake();
}

// Once something is left out, the rest must be as well: those who watch see no gap, they are cut
// before it. Who starts to watch behind the next fence has the changes up to there by its query.
void Worker::gather(Mail& mail, const Gateway::Changes& changes) {
    if (changes == nullptr) {
        mail.cut = true;
        return;
    }
    for (const auto& change : *changes) {
        const auto bytes = statemachine::footprint(*change);
        mail.cut = mail.cut || change_bytes_ + bytes > shared_->options.change_bytes_max;
        if (mail.cut) return;
        change_bytes_ += bytes;
        mail.changes.push_back(change);
    }
}

void Worker::take_mail() {
    {
        const std::lock_guard lock(mutex_);
        taken_.swap(mail_);
        open_changes_ = none;
    }
    std::size_t handed_out = 0;
    for (auto& mail : taken_) {
        if (mail.task) mail.task();
        if (!mail.changes.empty()) hub_.on_changes(mail.changes, shared_->gateway.history_id());
        if (mail.cut) hub_.end_all();
        for (const auto& change : mail.changes) handed_out += statemachine::footprint(*change);
        mail = {};  // What it holds is let go of in the order of the mail.
    }
    taken_.clear();
    const std::lock_guard lock(mutex_);
    change_bytes_ -= handed_out;
}

Timer Worker::after(milliseconds delay, Task task) {
    auto timer = timers_.add(steady_clock::now() + delay, std::move(task));
    arm_timer();
    return timer;
}

void Worker::arm_timer() {
    const auto next = timers_.next();
    if (finishing_ || !next || *next >= armed_for_) return;
    armed_for_ = *next;
    task_timer_.expires_at(*next);
    task_timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        armed_for_ = Timers::Time::max();
        timers_.run_due(steady_clock::now());
        arm_timer();
    });
}

void Worker::start_sweep() {
    if (finishing_) return;
    sweep_timer_.expires_after(sweep_interval(shared_->options));
    sweep_timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        sweep();
        start_sweep();
    });
}

void Worker::sweep() {
    const auto now = steady_clock::now();
    std::vector<std::shared_ptr<Connection>> all;
    all.reserve(connections_.size());
    for (const auto& [key, connection] : connections_) all.push_back(connection);
    for (const auto& connection : all) connection->sweep(now);
    hub_.tick(now);
}

void Worker::adopt(Socket socket, bool loopback) {
    auto place = shared_->connections.take();
    auto connection =
        make_connection(shared_from_this(), std::move(socket), loopback, std::move(place));
    ++open_;
    post([this, connection = std::move(connection)] {
        if (finishing_) return connection->close();
        connections_.emplace(connection.get(), connection);
        if (draining_) {
            late_.insert(connection.get());
            ++late_count_;
        }
        shared_->metrics.connections.fetch_add(1, std::memory_order_relaxed);
        connection->start();
    });
}

void Worker::remove(Connection* connection) {
    if (connections_.erase(connection) == 0) return;
    if (late_.erase(connection) != 0) --late_count_;
    shared_->metrics.connections.fetch_sub(1, std::memory_order_relaxed);
    --open_;
}

void Worker::drain() {
    post([this] {
        draining_ = true;
        hub_.stop();
        std::vector<std::shared_ptr<Connection>> all;
        for (const auto& [key, connection] : connections_) all.push_back(connection);
        for (const auto& connection : all) connection->drain();
    });
}

void Worker::close_all() {
    post([this] {
        std::vector<std::shared_ptr<Connection>> all;
        for (const auto& [key, connection] : connections_) all.push_back(connection);
        for (const auto& connection : all) connection->close();
    });
}

// The loop is not stopped but let run dry: pending handlers hold connections, connections hold this
// worker.
void Worker::finish() {
    post([this] {
        finishing_ = true;
        work_.reset();
        sweep_timer_.cancel();
        task_timer_.cancel();
    });
}

std::string_view Worker::date() {
    const std::int64_t now = std::time(nullptr);
    if (now != date_second_) {
        date_second_ = now;
        date_ = format_http_date(now * 1'000);
    }
    return date_;
}

std::string Worker::make_request_id() { return id_prefix_ + std::to_string(++id_count_); }

}  // namespace gavel::api
