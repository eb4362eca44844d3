#include "tests/unit/api/fake_gateway.h"

#include <algorithm>
#include <utility>

namespace gavel::api::testing {

statemachine::Member a_member(std::uint16_t id, statemachine::Role role) {
    return {.id = id,
            .name = "n" + std::to_string(id),
            .peer_address = "127.0.0.1:" + std::to_string(7499 + id),
            .role = role};
}

class FakeGateway::FakeBackup final : public Backup {
public:
    explicit FakeBackup(FakeGateway& gateway) : gateway_(gateway) { ++gateway_.backups_open; }
    ~FakeBackup() override { --gateway_.backups_open; }
    std::uint64_t applied() const override { return 17; }
    void read(std::function<void(Piece)> done) override {
        ++gateway_.pieces_read;
        const std::string& text = gateway_.backup_pieces.at(next_++);
        done({text.empty() ? nullptr : std::make_shared<const std::string>(text),
              next_ == gateway_.backup_pieces.size()});
    }

private:
    FakeGateway& gateway_;
    std::size_t next_{};
};

FakeGateway::FakeGateway(statemachine::Limits limits, std::vector<statemachine::Member> members)
    : machine_(limits, 64, std::move(members)) {
    status_.member_id = 1;
    status_.name = "n1";
    status_.role = "leader";
    status_.leader_id = 1;
    status_.epoch = 1;
    status_.alpha = 64;
    status_.cluster_id = "c1";
    status_.version = "0.1.0";
    status_.initial_cluster = "n1=127.0.0.1:7500,n2=127.0.0.1:7501";
    status_.format_level = 1;
    status_.ready = true;
    views[1] = {.client_address = "127.0.0.1:7400",
                .applied = 3,
                .last_contact = std::chrono::milliseconds(120),
                .version = "0.1.0"};
}

FakeGateway::~FakeGateway() = default;

void FakeGateway::submit(Submission submission, std::function<void(SubmitResult)> done) {
    const std::lock_guard lock(mutex_);
    submissions.push_back(submission);
    if (failure) return done(*failure);
    if (hold_submits) return held_.push_back(std::move(done));
    auto applied = execute({{1, 1, ++number_},
                            now,
                            submission.idempotency,
                            std::move(submission.command),
                            spares_room});
    lags = false;
    if (const auto* queued = std::get_if<statemachine::LockQueued>(&applied.outcome)) {
        const auto& command = submissions.back().command;
        const bool opened = queued->session != 0;
        const auto place = [&](const std::string& name, statemachine::SessionId asked_for) {
            return std::pair(name, opened ? queued->session : asked_for);
        };
        const auto* one = std::get_if<statemachine::AcquireLock>(&command);
        if (one != nullptr) {
            waiting_[place(one->name, one->session)] = {std::move(done), opened};
        } else {
            const auto& several = std::get<statemachine::AcquireLocks>(command);
            waiting_[place(several.locks.front().name, several.session)] = {std::move(done),
                                                                            opened};
        }
        return;
    }
    done(Executed{applied.revision, applied.repeated, applied.outcome, machine_.applied(),
                  applied.got});
}

void FakeGateway::read(ReadOptions options, Query query) {
    const std::lock_guard lock(mutex_);
    reads.push_back(options);
    if (failure) return query(nullptr, failure);
    if (!options.stale) lags = false;
    if (options.min_revision > machine_.applied()) {
        return query(nullptr, Failure{Failure::Kind::timed_out});
    }
    query(&machine_, std::nullopt);
}

void FakeGateway::keep_alive(statemachine::SessionId session, std::chrono::milliseconds,
                             std::function<void(KeepAliveResult)> done) {
    const std::lock_guard lock(mutex_);
    if (failure) return done(*failure);
    const auto found = machine_.session(session);
    done(KeptAlive{found != nullptr, std::chrono::milliseconds(found != nullptr ? found->ttl : 0),
                   machine_.globals().leader_start});
}

void FakeGateway::leases(std::vector<statemachine::SessionId> sessions, std::chrono::milliseconds,
                         std::function<void(Leases)> done) {
    const std::lock_guard lock(mutex_);
    leases_asked.push_back(sessions);
    Leases known;
    for (const auto session : sessions) {
        if (lease) known.emplace(session, *lease);
    }
    done(known);
}

void FakeGateway::hand_over(HandOverWish wish, std::chrono::milliseconds,
                            std::function<void(HandOverResult)> done) {
    const std::lock_guard lock(mutex_);
    hand_overs.push_back(wish);
    const auto to = wish.to;
    if (failure) return done(*failure);
    status_.leader_id = to != 0 ? to : std::uint16_t{2};
    status_.ballot += 65'536;
    done(Led{status_.leader_id, status_.ballot});
}

void FakeGateway::status(std::function<void(Status)> done) {
    const std::lock_guard lock(mutex_);
    Status status = status_;
    status.applied = machine_.applied();
    status.chosen = machine_.applied();
    status.epochs = machine_.globals().epochs;
    status.epoch = status.epochs.front().number;
    std::map<statemachine::MemberNumber, MemberView> known;
    for (const auto& epoch : status.epochs) {
        for (const auto& each : epoch.members) {
            MemberView view = views[each.id];
            view.member = each;
            if (view.applied) {
                view.lag = status.applied - std::min(status.applied, *view.applied);
            }
            known.emplace(each.id, view);
        }
    }
    for (const auto& [id, view] : known) status.members.push_back(view);
    done(std::move(status));
}

void FakeGateway::backup(statemachine::Revision least, std::chrono::milliseconds,
                         std::function<void(BackupResult)> done) {
    const std::lock_guard lock(mutex_);
    backups_asked.push_back(least);
    if (failure) return done(*failure);
    done(std::make_shared<FakeBackup>(*this));
}

std::shared_ptr<void> FakeGateway::subscribe(std::function<void(Changes)> sink) {
    const std::lock_guard lock(mutex_);
    const auto id = ++sinks_made_;
    sinks_[id] = std::move(sink);
    return {this, [this, id](void*) {
                const std::lock_guard guard(mutex_);
                sinks_.erase(id);
            }};
}

std::uint64_t FakeGateway::applied() const {
    const std::lock_guard lock(mutex_);
    return machine_.applied();
}

Gateway::Schemas FakeGateway::schemas() const {
    const std::lock_guard lock(mutex_);
    if (lags) return behind;
    auto all = machine_.schemas();
    if (all.empty()) return nullptr;
    return std::make_shared<const std::vector<statemachine::Ptr<statemachine::Schema>>>(
        std::move(all));
}

statemachine::Applied FakeGateway::run(statemachine::Command command) {
    const std::lock_guard lock(mutex_);
    return execute({{1, 1, ++number_}, now, {}, std::move(command)});
}

statemachine::Revision FakeGateway::put(const std::string& key, const std::string& value,
                                        const std::string& type) {
    return run(statemachine::PutKey{key, Bytes(value), type, {}, {}}).revision;
}

void FakeGateway::skip_slots(std::size_t count) {
    const std::lock_guard lock(mutex_);
    while (count-- > 0) machine_.apply_noop(machine_.applied() + 1);
}

void FakeGateway::skip() {
    const std::lock_guard lock(mutex_);
    for (auto& [id, sink] : sinks_) sink(nullptr);
}

statemachine::SessionId FakeGateway::open_session(const std::string& name) {
    return std::get<statemachine::SessionOpened>(
               run(statemachine::OpenSession{name, 15'000, 0, "{}"}).outcome)
        .session;
}

void FakeGateway::answer_held(const SubmitResult& result) {
    const std::lock_guard lock(mutex_);
    for (auto& done : std::exchange(held_, {})) done(result);
}

void FakeGateway::end_waits(const statemachine::LockHeld& held) {
    const std::lock_guard lock(mutex_);
    for (auto& [who, waiter] : std::exchange(waiting_, {})) {
        waiter.done(Executed{machine_.applied(), false, held, machine_.applied()});
    }
}

statemachine::Applied FakeGateway::execute(const Entry& entry) {
    const auto slot = machine_.applied() + 1;
    auto applied = machine_.apply(slot, entry);
    if (applied.revision == 0) applied.revision = slot;
    while (fills && machine_.globals().epochs.size() > 1) {
        machine_.apply_noop(machine_.applied() + 1);
    }
    if (applied.events.empty()) return applied;
    auto change = std::make_shared<statemachine::Change>();
    change->revision = slot;
    change->at = now;
    change->events = applied.events;
    grant(applied.events);
    const auto batch = std::make_shared<const std::vector<statemachine::Ptr<statemachine::Change>>>(
        1, std::move(change));
    for (auto& [id, sink] : sinks_) sink(batch);
    return applied;
}

void FakeGateway::grant(const std::vector<statemachine::Event>& events) {
    for (const auto& event : events) {
        const auto* change = std::get_if<statemachine::LockEvent>(&event.body);
        if (change == nullptr || change->change != statemachine::LockEvent::Change::acquired) {
            continue;
        }
        const auto at = waiting_.find({change->lock, change->session});
        if (at == waiting_.end()) continue;
        const auto waiter = std::move(at->second);
        waiting_.erase(at);
        const auto opened = waiter.opened_session ? change->session : 0;
        waiter.done(Executed{event.revision, false,
                             statemachine::LockGranted{change->token, now, true, opened},
                             machine_.applied()});
    }
}

}  // namespace gavel::api::testing
