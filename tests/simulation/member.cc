#include "tests/simulation/member.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/invariant.h"
#include "daemon/admission.h"
#include "proto/codec.h"
#include "tests/simulation/failure.h"

namespace gavel::simulation {
namespace {

constexpr std::int64_t epoch_ms = 1'700'000'000'000;
constexpr std::uint64_t turns_between_checks = 32;
constexpr Time greet_every = 50 * millisecond;

// Whom a member with a new directory remembers. No run of theirs: they met before the first.
std::map<std::uint16_t, persistence::Acquaintance> met_before(const Settings& settings,
                                                              paxos::MemberId member) {
    std::map<std::uint16_t, persistence::Acquaintance> known;
    if (!settings.founders_have_met || member.number > settings.members) return known;
    for (std::uint16_t id = 1; id <= settings.members; ++id) {
        if (id == member.number) continue;
        known[id] = {.incarnation = Settings::incarnation_of(id), .mutual = true};
    }
    return known;
}

}  // namespace

Member::Member(Surroundings around, paxos::MemberId id, std::uint64_t incarnation)
    : around_(around),
      id_(id),
      prng_(around.settings.seed * 31 + id.number),
      own_fate_(around.settings.seed * 37 + id.number),
      disk_(around.settings, around.schedule, around.reached, prng_.next(),
            {.durable =
                 [this](const std::vector<paxos::Record>& records) {
                     around_.observer.on_durable(id_, records);
                     note_others();
                 },
             .released =
                 [this](std::vector<daemon::Outgoing> messages) { release(std::move(messages)); },
             .cut = [this](paxos::Slot through) { around_.observer.on_cut(id_, through); },
             .begins = [this](Disk::Transaction transaction,
                              Time lasts) { on_transaction(transaction, lasts); }}) {
    disk_.replace({.incarnation = incarnation, .others = met_before(around.settings, id)});
    clock_offset_ms_ = static_cast<std::int64_t>(prng_.below(2'000));
    if (around.settings.clocks_drift) {
        clock_drift_percent_ = static_cast<std::int64_t>(prng_.below(11)) - 5;
        if (clock_drift_percent_ != 0) around.reached.count("clock drifted");
    }
}

// ---- Life and death -----------------------------------------------------------------------------

void Member::start() {
    if (ended_ || runs()) return;
    const Settings& settings = around_.settings;
    auto machine = Observer::fresh_machine(settings);
    disk_.restore(machine);
    if (settings.sabotage == Sabotage::acceptor_forgets) disk_.forget_log();
    const std::uint64_t boot = disk_.next_boot();
    around_.trace.line(around_.schedule.now(), id_.number, "starts", boot, machine.applied());
    if (boot > 1) around_.reached.count("member restarted");
    ++run_;
    // One that begins anew from a snapshot has them still.
    if (!others_) {
        others_.emplace(disk_.directory().others,
                        [this](std::uint16_t member, const persistence::Acquaintance& known) {
                            disk_.remember(member, known);
                        });
    }
    unmet_ = std::make_unique<statemachine::Machine>(std::move(machine));
    if (may_vote()) return make_core(std::move(*std::exchange(unmet_, {})));
    greet_founders();
}

void Member::make_core(statemachine::Machine machine) {
    const Settings& settings = around_.settings;
    const paxos::Slot applied{machine.applied()};
    const std::uint64_t boot = disk_.directory().boot;
    core_ = std::make_unique<daemon::Core>(
        daemon::Core::Config{.self = id_,
                             .boot = boot,
                             .incarnation = disk_.directory().incarnation,
                             .seed = prng_.next(),
                             .heartbeat_ms = settings.heartbeat_ms,
                             .election_timeout_ms = settings.election_timeout_ms,
                             .learner_mode = settings.learner_mode,
                             .client_address = {},
                             .version = {},
                             .limits = settings.core_limits,
                             .paxos_limits = settings.paxos_limits},
        std::move(machine), disk_.recover(applied), monotonic(), wall());
    for (const auto& [member, known] : others_->known()) core_->met({member}, known.incarnation);
    fetched_ = {};
    fetched_rather_than_learned_ = false;
    source_ = std::make_unique<daemon::SnapshotSource>(daemon::SnapshotSource::Callbacks{
        .open = [this] { return disk_.snapshot(); },
        .run =
            [this](std::function<void()> job, std::function<void()> done) {
                around_.schedule.after(1 + prng_.below(2 * millisecond), [=, this, run = run_] {
                    if (run != run_) return;
                    job();
                    done();
                });
            },
        .send =
            [this](paxos::MemberId to, proto::SnapshotChunk chunk) {
                send(to, std::move(chunk));
                return true;
            }});
    around_.observer.on_start(id_, boot, applied, *core_);
    around_.observer.on_kept(disk_.log(), applied);
    schedule_turn();
    tick();
}

void Member::crash() {
    if (!runs()) return;
    around_.trace.line(around_.schedule.now(), id_.number, "crashes");
    ++run_;
    core_.reset();
    source_.reset();
    installing_.reset();
    unmet_.reset();
    others_.reset();
    crashes_once_installed_ = false;
    inbox_.clear();
    turn_scheduled_ = false;
    paused_until_ = 0;
    tick_missed_ = false;
    crash_in_.reset();
    crash_during_.reset();
    disk_.crash();
    drop_clients();
}

void Member::drop_clients() {
    for (auto& [ticket, answered] : std::exchange(waiting_, {})) answered(nullptr, nullptr);
    for (auto& sink : std::exchange(sinks_, {})) sink(nullptr);
}

// As daemon/node_life.cc does it: the core ends here, as if in a crash that the disk outlives.
void Member::begin_anew_from(std::unique_ptr<statemachine::Machine> snapshot) {
    around_.trace.line(around_.schedule.now(), id_.number, "begins anew from", snapshot->applied());
    around_.observer.on_snapshot(id_, *core_, *snapshot);
    ++run_;
    core_.reset();
    source_.reset();
    inbox_.clear();
    turn_scheduled_ = false;
    paused_until_ = 0;
    tick_missed_ = false;
    installing_ = std::move(snapshot);
    drop_clients();

    // Too rare a time for those who crash members at any time.
    const bool crashes = around_.settings.crash_every > 0 && !disk_.is_healed() && prng_.chance(30);
    const std::uint64_t when = crashes ? prng_.below(3) : 3;
    if (when == 0) {
        around_.reached.count("crash before a snapshot is installed");
        return crash_for_a_while();
    }
    if (when == 1) crash_during_ = Disk::Transaction::install;
    crashes_once_installed_ = when == 2;
    install_once_idle();
}

void Member::crash_for_a_while() {
    crash();
    around_.schedule.after(1 + prng_.below(2 * around_.settings.down_for), [this] { start(); });
}

void Member::install_once_idle() {
    const std::uint64_t run = run_;
    if (!disk_.idle()) {
        around_.schedule.after(millisecond, [this, run] {
            if (run == run_) install_once_idle();
        });
        return;
    }
    disk_.install(*installing_, [this, run] {
        if (run != run_) return;
        around_.reached.count("snapshot installed");
        if (crashes_once_installed_) {
            around_.reached.count("crash after a snapshot was installed");
            return crash_for_a_while();
        }
        installing_.reset();
        start();
    });
}

bool Member::crash_point(const char* where) {
    if (!crash_in_ || (*crash_in_)-- > 0) return false;
    around_.reached.count(where);
    crash();
    return true;
}

void Member::on_transaction(Disk::Transaction transaction, Time lasts) {
    if (crash_during_ != transaction) return;
    around_.schedule.after(prng_.below(lasts + 1), [this, run = run_] {
        if (run == run_ && crash_during_) crash_for_a_while();
    });
}

void Member::pause(Time lasts) {
    if (!core_ || is_paused()) return;
    around_.trace.line(around_.schedule.now(), id_.number, "pauses", lasts);
    around_.reached.count("member paused");
    paused_until_ = around_.schedule.now() + lasts;
    around_.schedule.after(lasts, [this, run = run_] {
        if (run == run_) resume();
    });
}

// What piled up and the timer that is overdue are found together, in any order; what clients ask
// may well be worked off before anything is heard of the others.
void Member::resume() {
    const std::uint64_t run = run_;
    if (tick_missed_ && prng_.chance(30)) tick();
    turn_scheduled_ = false;
    if (run == run_ && prng_.chance(70)) {
        const auto of_peers = std::stable_partition(
            inbox_.begin(), inbox_.end(), [](const Input& input) { return input.of_client; });
        std::vector<Input> later(std::make_move_iterator(of_peers),
                                 std::make_move_iterator(inbox_.end()));
        inbox_.erase(of_peers, inbox_.end());
        if (!inbox_.empty()) turn();
        if (run != run_) return;
        inbox_.insert(inbox_.begin(), std::make_move_iterator(later.begin()),
                      std::make_move_iterator(later.end()));
    }
    if (run == run_ && !inbox_.empty()) turn();
    if (run == run_ && tick_missed_) tick();
}

void Member::stall_disk(Time lasts) {
    around_.trace.line(around_.schedule.now(), id_.number, "disk stalls", lasts);
    disk_.stall_until(around_.schedule.now() + lasts);
}

void Member::jump_clock(std::int64_t by_ms) {
    around_.trace.line(around_.schedule.now(), id_.number, "clock jumps", by_ms);
    around_.reached.count(by_ms < 0 ? "clock jumped back" : "clock jumped ahead");
    clock_offset_ms_ += by_ms;
}

void Member::begin_shutdown() {
    enter([](daemon::Core& core) { core.begin_shutdown(); });
}

void Member::spoil_disk() {
    if (disk_.spoil_an_entry()) around_.reached.count("log entry spoiled");
}

void Member::heal() {
    disk_.heal();
    crash_in_.reset();
    crash_during_.reset();
    if (is_paused()) {
        paused_until_ = around_.schedule.now();
        turn_scheduled_ = false;
        if (tick_missed_) tick();
        if (core_) schedule_turn();
    }
}

paxos::Tick Member::monotonic() const { return {around_.schedule.now() / millisecond + 1}; }

statemachine::TimeMs Member::wall() const {
    const auto now = static_cast<std::int64_t>(around_.schedule.now() / millisecond);
    return epoch_ms + now + now * clock_drift_percent_ / 100 + clock_offset_ms_;
}

// ---- Who the others are -------------------------------------------------------------------------

void Member::forget(Directory directory) {
    invariant(!runs(), "nobody changes what a process uses");
    disk_.replace(std::move(directory));
    forgetful_ = true;
}

void Member::end() {
    crash();
    ended_ = true;
}

proto::Hello Member::hello() const {
    const Directory& kept = disk_.directory();
    const auto first = kept.runs.size() - std::min(kept.runs.size(), proto::runs_max);
    return {.format_level = proto::format_level,
            .member = id_.number,
            .incarnation = kept.incarnation,
            .boot = kept.boot,
            .alpha = around_.settings.alpha,
            .runs = {kept.runs.begin() + static_cast<std::ptrdiff_t>(first), kept.runs.end()},
            .writes = kept.writes};
}

const statemachine::Globals& Member::globals() const {
    return core_ ? core_->machine().globals() : (unmet_ ? unmet_ : installing_)->globals();
}

// The numbers after the founders' are those of members that joined.
bool Member::may_vote() const {
    return id_.number > around_.settings.members ||
           daemon::founder_may_vote(id_.number, globals(), *others_);
}

bool Member::may_always_vote() const {
    const Directory& kept = disk_.directory();
    if (id_.number > around_.settings.members || kept.applied > 0) return true;
    const auto met = std::ranges::count_if(kept.others, [&](const auto& entry) {
        return entry.first <= around_.settings.members && entry.second.mutual;
    });
    return met + 1 == around_.settings.members;
}

void Member::greet_founders() {
    for (std::uint16_t id = 1; id <= around_.settings.members; ++id) {
        if (id != id_.number) around_.network.send(id_, {id}, {}, {.run = run(), .writes = {}});
    }
    around_.schedule.after(greet_every, [this, run = run_] {
        if (run == run_ && unmet_) greet_founders();
    });
}

std::optional<daemon::Peers::Refusal> Member::admit(const proto::Hello& hello) {
    const bool dismissed = core_ && core_->is_dismissed(hello.member);
    auto refusal = daemon::admit(hello, globals(), dismissed, *others_);
    if (!refusal && core_ && hello.member < globals().next_member) {
        core_->met({hello.member}, hello.incarnation);
    }
    return refusal;
}

void Member::on_connected(const proto::Hello& hello) {
    others_->on_mutual(hello);
    enter([from = hello.member](daemon::Core& core) { core.connected({from}); });
    if (unmet_ && may_vote()) make_core(std::move(*std::exchange(unmet_, {})));
}

void Member::on_farewell(const proto::Farewell& farewell) {
    if (!daemon::is_believed(farewell, globals(), *others_)) {
        around_.reached.count("farewell of a stranger");
        return;
    }
    around_.trace.line(around_.schedule.now(), id_.number, "ends, told by", farewell.hello.member);
    around_.reached.count(farewell.why == proto::Farewell::Why::removed
                              ? "removed member told so"
                              : "member that forgot told so");
    if (farewell.why == proto::Farewell::Why::removed) {
        around_.observer.on_dismissed(id_, {farewell.hello.member});
    }
    end();
}

void Member::heard(paxos::MemberId from, Stamp stamp) {
    others_->heard(from.number, stamp.run, stamp.writes);
    const auto known = others_->known().find(from.number);
    expect(known == others_->known().end() || known->second.run != stamp.run ||
               known->second.writes >= stamp.writes,
           "what a member said is durable is remembered of it");
}

bool Member::would_believe(paxos::MemberId other) const {
    const proto::Farewell farewell{.hello = {.member = other.number}};
    return daemon::is_believed(farewell, globals(), *others_);
}

// The disk has something to do anyhow: that costs nothing.
void Member::note_others() {
    if (!others_ || !own_fate_.chance(30)) return;
    others_->note_writes([this](std::uint16_t member, const persistence::Acquaintance& known) {
        disk_.remember(member, known);
    });
}

// ---- Inputs -------------------------------------------------------------------------------------

void Member::enter(std::function<void(daemon::Core&)> take, bool of_client) {
    if (!core_) return;
    inbox_.push_back({std::move(take), of_client});
    schedule_turn();
}

void Member::schedule_turn() {
    if (!core_ || turn_scheduled_) return;
    turn_scheduled_ = true;
    // Now and then the loop is busy, and more comes together in one turn.
    const Time delay = prng_.chance(10) ? prng_.below(3 * millisecond) : prng_.below(50);
    around_.schedule.after(delay, [this, run = run_] {
        if (run == run_ && !is_paused()) turn();
    });
}

void Member::receive(paxos::MemberId from, std::string bytes) {
    if (!core_) return;
    enter([this, from, bytes = std::move(bytes)](daemon::Core& core) {
        auto message = proto::decode_peer_message(bytes);
        expect(message.has_value(), "what a member encoded another can decode");
        around_.trace.line(around_.schedule.now(), id_.number, "receives from", from.number,
                           message->index(), bytes.size());
        core.receive(from, std::move(*message));
    });
}

void Member::peer_died(paxos::MemberId peer) {
    around_.reached.count("peer known dead");
    enter([peer](daemon::Core& core) { core.peer_died(peer); });
}

void Member::call(Ask ask, Answered answered) {
    if (!core_) return answered(nullptr, nullptr);
    const std::uint64_t ticket = ++last_ticket_;
    waiting_.emplace(ticket, std::move(answered));
    enter([ticket, ask = std::move(ask)](daemon::Core& core) { ask(core, ticket); }, true);
}

void Member::subscribe(Sink sink) { sinks_.push_back(std::move(sink)); }

void Member::tick() {
    if (is_paused()) {
        tick_missed_ = true;
        return;
    }
    tick_missed_ = false;
    around_.schedule.after(around_.settings.tick_ms * millisecond, [this, run = run_] {
        if (run == run_) tick();
    });
    const std::uint64_t run = run_;
    core_->spare_room(around_.schedule.now() < lacks_room_until_);
    core_->tick(monotonic(), wall());
    turn();
    if (run != run_) return;
    const Time now = around_.schedule.now();
    if (disk_.state_is_idle() && core_->dirty_rows() > 0 &&
        now - state_handed_at_ >= around_.settings.state_commit_every) {
        state_handed_at_ = now;
        disk_.commit_state(core_->take_state_batch());
    }
    around_.observer.on_state_durable(id_, disk_.durable_applied());
    core_->on_state_durable(disk_.durable_applied());
    source_->tick(monotonic());
    disk_.cut(core_->cut_point(around_.settings.log_kept, source_->fetched()));
    const auto& fetched = core_->snapshot_sink().reached();
    if (fetched.resumed > fetched_.resumed) around_.reached.count("snapshot fetch resumed");
    if (fetched.begun_anew > fetched_.begun_anew) {
        around_.reached.count("snapshot fetch begun anew");
    }
    expect(fetched.refused == 0, "a snapshot is the state that it says it is");
    fetched_ = fetched;
    if (core_->fetched_rather_than_learned() &&
        !std::exchange(fetched_rather_than_learned_, true)) {
        around_.reached.count("state fetched rather than learned");
    }
}

// ---- Turns --------------------------------------------------------------------------------------

void Member::turn() {
    turn_scheduled_ = false;
    for (auto& input : std::exchange(inbox_, {})) input.take(*core_);
    daemon::Turn turn = core_->end_turn();
    invariant(!turn.diverged, "no member finds its state different from the others'");
    around_.observer.on_turn(id_, *core_, turn);
    if (turn.retired) {
        around_.reached.count("removed member ended");
        around_.trace.line(around_.schedule.now(), id_.number, "ends");
        ended_ = true;
        return crash();
    }
    if (++turns_ % turns_between_checks == 0) core_->check_invariants();
    spend(std::move(turn));
}

void Member::spend(daemon::Turn turn) {
    for (const auto& role : turn.roles) {
        around_.trace.line(around_.schedule.now(), id_.number, "role",
                           static_cast<unsigned>(role.role), role.ballot.number());
    }
    if (!turn.records.empty()) {
        around_.trace.line(around_.schedule.now(), id_.number, "records", turn.records.size(),
                           "applied", core_->machine().applied());
    }
    const std::uint64_t run = run_;
    const bool writes = !turn.records.empty();
    if (crash_point(writes ? "crash before records reach the disk" : "crash after a turn")) return;
    disk_.append(std::move(turn.records), std::move(turn.once_durable));
    if (run != run_ || crash_point("crash before messages leave")) return;
    for (const auto& outgoing : turn.at_once) {
        send(outgoing.to, outgoing.message);
        if (crash_point("crash between two messages")) return;
    }
    for (const auto& wanted : turn.log_reads) send(wanted.to, paxos::Message(disk_.read(wanted)));
    if (!turn.changes.empty()) {
        if (crash_point("crash before watchers are told")) return;
        for (auto& sink : sinks_) sink(&turn.changes);
    }
    for (const auto& each : turn.answers) {
        if (crash_point("crash before a client is answered")) return;
        answer(each);
    }
    for (const auto& [from, ask] : turn.snapshot_asks) source_->on_ask(from, ask, monotonic());
    if (crash_point("crash after a turn")) return;
    if (turn.snapshot) begin_anew_from(std::move(turn.snapshot));
}

void Member::send(paxos::MemberId to, const proto::PeerMessage& message) {
    around_.observer.on_send(id_, to, message);
    if (to == id_) {
        enter([this, message](daemon::Core& core) { core.receive(id_, message); });
    } else {
        around_.network.send(id_, to, proto::encode(message), {run(), disk_.directory().writes});
    }
}

// What waited for the disk.
void Member::release(std::vector<daemon::Outgoing> messages) {
    if (!core_ || crash_point("crash when a batch is durable and its answers wait")) return;
    if (is_paused()) {
        around_.schedule.after(paused_until_ - around_.schedule.now(),
                               [this, run = run_, messages = std::move(messages)]() mutable {
                                   if (run == run_) release(std::move(messages));
                               });
        return;
    }
    for (const auto& outgoing : messages) {
        send(outgoing.to, outgoing.message);
        if (crash_point("crash between two answers that waited for the disk")) return;
    }
}

void Member::answer(const daemon::Turn::Answer& answer) {
    const std::uint64_t ticket = std::visit([](const auto& each) { return each.ticket; }, answer);
    const auto found = waiting_.find(ticket);
    expect(found != waiting_.end(), "a request is answered once");
    const Answered answered = std::move(found->second);
    waiting_.erase(found);
    around_.trace.line(around_.schedule.now(), id_.number, "answers", ticket, answer.index());
    if (const auto* submitted = std::get_if<daemon::Turn::Submitted>(&answer)) {
        if (const auto* executed = std::get_if<api::Executed>(&submitted->result)) {
            around_.observer.on_answer(id_, *executed);
        }
    }
    answered(core_.get(), &answer);
}

}  // namespace gavel::simulation
