// Node: how it begins, begins anew from the state of another member, and ends.

#include <boost/asio/post.hpp>
#include <cstdlib>

#include "daemon/bootstrap.h"
#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/node_impl.h"
#include "persistence/failure.h"

namespace gavel::daemon {

// ---- Beginning ----------------------------------------------------------------------------------

Result<std::unique_ptr<Node>, persistence::StorageError> Node::open(Options options,
                                                                    persistence::LogStore log,
                                                                    persistence::StateStore state) {
    statemachine::Machine machine(options.state_limits, log.identity().alpha,
                                  options.initial_members);
    const auto globals = state.load([&](statemachine::Row row) { machine.load(std::move(row)); });
    if (!globals) return globals.error();
    if (*globals && !machine.finish_load(**globals)) {
        return persistence::StorageError{
            "the state on disk is not the one that was written (its hash or its epochs are wrong)"};
    }
    auto durable = log.recover({machine.applied()}, {state.replaced()});
    if (!durable) return durable.error();

    auto impl = std::make_unique<Impl>(std::move(options), std::move(log), std::move(state),
                                       std::move(machine), std::move(*durable));
    auto port = impl->listen();
    if (!port) return persistence::StorageError{port.error().what};
    impl->peer_port = *port;
    return std::unique_ptr<Node>(new Node(std::move(impl)));
}

Node::Impl::Impl(Options options, persistence::LogStore log, persistence::StateStore state,
                 statemachine::Machine machine, paxos::Durable durable)
    : options_(std::move(options)),
      boot_(log.boot()),
      identity_(log.identity()),
      machine_(std::move(machine)),
      durable_(std::move(durable)),
      clients_({.post = [this](Clients::Call call) { boost::asio::post(io_, std::move(call)); },
                .on_entered = [this] { schedule_turn(); }}),
      disk_(std::move(log), std::move(state), machine_->applied(),
            [this](std::function<void()> job) { boost::asio::post(io_, std::move(job)); }),
      source_({.open = [this] { return disk_.snapshot(); },
               .run =
                   [this](std::function<void()> job, std::function<void()> done) {
                       disk_.run_aside(std::move(job), std::move(done));
                   },
               .send =
                   [this](paxos::MemberId to, proto::SnapshotChunk chunk) {
                       const bool queued = peers_->send(to, std::move(chunk));
                       peers_->flush();
                       return queued;
                   }}),
      others_(disk_.log().acquaintances(),
              [this](std::uint16_t member, const persistence::Acquaintance& acquaintance) {
                  disk_.log().remember(member, acquaintance);
              }),
      timer_(io_) {
    disk_.released = [this](std::vector<Outgoing> messages) { release(std::move(messages)); };
    applied_ = machine_->applied();
    note_history();
    make_peers();
}

void Node::Impl::start(std::uint16_t port) {
    peer_port = port;
    peers_->start();
    if (may_vote()) {
        make_core();
    } else {
        log::info("waiting to meet every initial member before voting");
    }
    tick();
    thread_ = std::thread([this] { io_.run(); });
}

void Node::Impl::make_core() {
    Core::Config config{.self = {identity_.member},
                        .boot = boot_,
                        .incarnation = identity_.incarnation,
                        .seed = random_number(),
                        .heartbeat_ms = options_.heartbeat_ms,
                        .election_timeout_ms = options_.election_timeout_ms,
                        .learner_mode = options_.learner_mode,
                        .client_address = options_.client_address,
                        .version = options_.version,
                        .limits = options_.limits};
    note_schemas(*machine_);
    core_.emplace(std::move(config), std::move(*machine_), durable_, monotonic_now(), wall_now());
    machine_.reset();
    durable_ = {};
    for (const auto& [member, known] : others_.known()) core_->met({member}, known.incarnation);
}

// ---- From the state of another member -----------------------------------------------------------

// As if the process ended here and started again from that state; a crash before it is durable
// leaves the old one. The others see a new boot, so nothing that was said to the old core
// reaches the new one.
void Node::Impl::begin_anew_from(statemachine::Machine snapshot) {
    log::info("installing a snapshot",
              {{"slot", snapshot.applied()}, {"instead_of", core_->machine().applied()}});
    installing_ = true;
    received_bytes_ += core_->snapshot_sink().bytes();
    refused_ += core_->snapshot_sink().reached().refused;
    clients_.fail(api::Failure::Kind::no_leader);
    source_.close();
    end_backups();  // The new state needs the room that they hold.
    core_.reset();
    machine_ = std::move(snapshot);
    leader_.store(0, std::memory_order_relaxed);
    clients_.cut_watchers();
    once_disk_is_idle([this] {
        if (stopping_) return;
        disk_.install(*machine_, [this](Disk::Fresh fresh) { begin_anew(std::move(fresh)); });
    });
}

void Node::Impl::begin_anew(Disk::Fresh fresh) {
    installing_ = false;
    ++installed_;
    if (stopping_) return;
    const auto end = [](const std::string& reason) {
        persistence::end_soon();
        log::error("cannot go on from a snapshot", {{"reason", reason}});
        log::stop();
        std::_Exit(persistence::storage_exit_code);
    };
    if (!fresh.durable) end(fresh.durable.error().what);
    boot_ = fresh.boot;
    durable_ = std::move(*fresh.durable);
    log::info("installed a snapshot", {{"slot", machine_->applied()}, {"boot", boot_}});

    peers_->begin_anew(hello(), addresses());
    followed_epochs_ = {};
    if (leaving_) return;
    make_core();
    schedule_turn();
}

void Node::Impl::once_disk_is_idle(std::function<void()> then) {
    if (disk_.idle()) return then();
    auto timer = std::make_shared<boost::asio::steady_timer>(io_, std::chrono::milliseconds(1));
    timer->async_wait(
        [this, timer, then = std::move(then)](const boost::system::error_code&) mutable {
            once_disk_is_idle(std::move(then));
        });
}

// ---- The end ------------------------------------------------------------------------------------

void Node::Impl::hand_over(std::chrono::milliseconds patience) {
    auto done = std::make_shared<std::promise<void>>();
    auto handed = done->get_future();
    boost::asio::post(io_, [this, done, patience] {
        leaving_ = true;
        if (core_) {
            core_->begin_shutdown();
            turn();
        }
        wait_until_followed(done, Clock::now() + patience);
    });
    handed.wait_for(patience + std::chrono::seconds(1));
}

void Node::Impl::wait_until_followed(const std::shared_ptr<std::promise<void>>& done,
                                     Clock::time_point deadline) {
    const bool leads = core_ && core_->replica().role() == paxos::Role::leader;
    const bool alone = globals().epochs.back().members.size() == 1;
    if (!leads || alone || Clock::now() >= deadline) {
        done->set_value();
        return;
    }
    auto timer = std::make_shared<boost::asio::steady_timer>(io_, tick_interval);
    timer->async_wait([this, done, deadline, timer](const boost::system::error_code&) {
        wait_until_followed(done, deadline);
    });
}

void Node::Impl::stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] { finish(); });
    thread_.join();
}

void Node::Impl::finish() {
    leaving_ = true;
    stopping_ = true;
    timer_.cancel();
    disk_.stop_keeping();
    // What others go on sending would keep the disk busy for ever.
    peers_->stop();
    if (core_) {
        turn();
        hand_state_over(true);
    }
    once_disk_is_idle([this] {
        others_.note_writes([this](std::uint16_t member, const auto& known) {
            disk_.log().remember(member, known);
        });
        close_backups();
        clients_.fail(api::Failure::Kind::shutting_down);
        io_.stop();
    });
}

// Nobody needs it any more. It ends for good, and a later start says why it does not serve.
void Node::Impl::retire(const std::string& reason) {
    if (leaving_ || std::exchange(retired_, true)) return;
    disk_.log().retire({globals().applied});
    log::info("this member was removed from the cluster: it ends and does not come back",
              {{"member", identity_.member}, {"reason", reason}});
    if (options_.on_removed) options_.on_removed();
}

// A state that is not that of the others is not served from, now or later.
void Node::Impl::end_diverged(paxos::Slot slot) {
    disk_.log().condemn(slot);
    persistence::end_soon();  // Though the line may find no reader.
    log::error(
        "the state is not that of the other members: this member ends and must not "
        "start again",
        {{"slot", slot.number}});
    log::stop();
    std::_Exit(persistence::storage_exit_code);
}

// Neither is a memory relied upon that is older than what others were told.
void Node::Impl::end_set_back(const proto::Farewell& farewell) {
    disk_.log().quarantine();
    persistence::end_soon();
    log::error(
        "the data directory was set back in time: this member ends and must not start again; "
        "remove it and let it join anew, with an empty directory",
        {{"member", identity_.member},
         {"told_by", farewell.hello.member},
         {"reason", farewell.reason}});
    log::stop();
    std::_Exit(persistence::storage_exit_code);
}

}  // namespace gavel::daemon
