#include "tests/simulation/world.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/carry_over.h"
#include "daemon/roster.h"
#include "tests/simulation/failure.h"

namespace gavel::simulation {

using paxos::MemberId;

namespace {

constexpr Time look_every = 500 * millisecond;

}  // namespace

World::World(const Settings& settings, Trace& trace)
    : settings_(settings),
      trace_(trace),
      prng_(settings.seed ^ 0x776F'726C'64ULL),
      observer_(settings_, schedule_, reached_, trace_),
      network_(settings_, schedule_, reached_,
               [this](MemberId from, MemberId to, std::string bytes, Stamp stamp) {
                   deliver(from, to, std::move(bytes), stamp);
               }),
      handshakes_(settings_, network_, reached_,
                  [this](const Member& forgetful) { on_refused(forgetful); }),
      fate_(settings.seed ^ 0x6661'7465ULL),
      losses_(settings.seed ^ 0x6c6f'7373ULL) {
    for (std::uint16_t id = 1; id <= settings.members; ++id) {
        members_.push_back(
            std::make_unique<Member>(surroundings(), MemberId{id}, Settings::incarnation_of(id)));
    }
    for (std::uint64_t i = 1; i <= settings.clients; ++i) {
        clients_.push_back(std::make_unique<Client>(*this, i));
    }
    for (std::uint64_t i = 1; i <= settings.watchers; ++i) {
        watchers_.push_back(std::make_unique<Watcher>(*this, i));
    }
}

void World::run() {
    for (auto& member : members_) {
        schedule_.after(prng_.below(100 * millisecond), [one = member.get()] { one->start(); });
    }
    for (auto& client : clients_) client->start();
    for (auto& watcher : watchers_) watcher->attach();
    tenant_.start();
    begin_troubles();
    run_until(settings_.chaos);

    heal();
    demand_progress();
    demand_agreement();
    histories_.check(reached_);
    reached_.count("run");
}

void World::deliver(MemberId from, MemberId to, std::string bytes, Stamp stamp) {
    Member* receiver = find(to);
    if (receiver == nullptr) return;
    if (!handshakes_.let_through(*find(from), stamp.run, *receiver)) return;
    receiver->heard(from, stamp);
    if (!bytes.empty()) receiver->receive(from, std::move(bytes));
}

void World::run_until(Time until) {
    while (schedule_.run_next(until)) {
    }
}

void World::on_hold(const Client& client, const std::string& lock, const Client::Held& held) {
    using statemachine::LockMode;
    trace_.line(schedule_.now(), "client", client.number(), "holds", lock, "token", held.token);
    // From whom it was taken by force nobody has told yet. So it is with a repeat, too: it is
    // answered with the grant that there was.
    if (observer_.was_broken(lock, held.token)) return;
    std::uint64_t holders = 1;
    for (const auto& other : clients_) {
        if (other.get() == &client) continue;
        const auto believed = other->believes_in(lock, schedule_.now());
        if (!believed || observer_.was_broken(lock, believed->token)) continue;
        expect(held.mode == LockMode::shared && believed->mode == LockMode::shared,
               "no two clients believe at once that they hold a lock");
        ++holders;
    }
    const std::uint64_t limit = LockHistories::limit_of(lock);
    expect(held.mode == LockMode::exclusive || limit == 0 || holders <= limit,
           "no more clients than its limit believe that they hold a semaphore");
    reached_.count("lock held");
    // Those who share it may be told in any order.
    if (held.mode == LockMode::shared) return;
    auto& highest = tokens_[lock];
    expect(held.token >= highest, "a later holder has a larger token");
    highest = held.token;
}

// ---- Troubles -----------------------------------------------------------------------------------

// Again and again until all is healed, at random distances; `period` is the average.
void World::every(Time period, std::function<void()> trouble) {
    if (period == 0) return;
    schedule_.after(1 + prng_.below(2 * period), [this, period, trouble = std::move(trouble)] {
        if (healed_) return;
        trouble();
        every(period, trouble);
    });
}

void World::begin_troubles() {
    every(settings_.crash_every, [this] { crash_some(); });
    every(settings_.partition_every, [this] { partition(); });
    every(settings_.pause_every, [this] { pause(); });
    every(settings_.stall_every,
          [this] { member(prng_.next()).stall_disk(1 + prng_.below(2 * settings_.stall_lasts)); });
    every(settings_.clock_jump_every, [this] {
        const auto by_ms = static_cast<std::int64_t>(prng_.below(120'000)) - 60'000;
        member(prng_.next()).jump_clock(by_ms);
    });
    every(settings_.hand_over_every, [this] { hand_over(); });
    every(settings_.reconfigure_every, [this] { reconfigure(); });
    every(settings_.crowd_every, [this] {
        crowd_.come(member(prng_.next()));
        // Now and then all others vanish with them.
        if (!prng_.chance(30)) return;
        for (auto& client : clients_) client->vanish();
    });
    every(settings_.copy_every, [this] { copy_a_directory(); });
    schedule_.after(losses_.below(look_every), [this] { look_at_what_is_left(); });
    every(settings_.set_back_every, [this] { set_one_back(); });
    every(settings_.wipe_every, [this] { wipe(*members_[fate_.below(members_.size())]); });
    if (settings_.first_lost_after != 0) {
        schedule_.after(settings_.first_lost_after, [this] { wipe(*members_.front()); });
    }
}

// As if some of the disks, as they are at this moment, were all that is left of the cluster.
void World::look_at_what_is_left() {
    if (healed_) return;
    std::vector<paxos::Durable> logs;
    std::set<MemberId> lost = forgot_;
    paxos::Slot applied{};
    for (const auto& member : members_) {
        if (losses_.chance(40)) lost.insert(member->id());
        if (lost.contains(member->id())) continue;
        const Disk& disk = member->disk();
        logs.push_back(disk.survey());
        applied = std::max(applied, paxos::Slot{disk.durable_applied()});
    }
    if (!logs.empty()) {
        observer_.on_carried_over(daemon::carry_over(logs, applied, {}), applied, lost);
    }
    schedule_.after(1 + losses_.below(2 * look_every), [this] { look_at_what_is_left(); });
}

void World::crash_some() {
    if (prng_.chance(10)) {
        reached_.count("power failed");
        for (auto& member : members_) crash(*member);
        return;
    }
    crash(member(prng_.next()));
}

void World::crash(Member& victim) {
    if (!victim.runs()) return;
    const std::uint64_t dice = prng_.below(100);
    if (dice < 45) {
        victim.crash_soon(prng_.below(60));
    } else if (dice < 60) {
        victim.crash_during(static_cast<Disk::Transaction>(prng_.below(4)));
    } else {
        reached_.count("crash between two turns");
        victim.crash();
    }
    restart_later(victim);
    if (victim.runs()) return;
    for (auto& other : members_) {
        if (other->id() == victim.id() || !prng_.chance(50)) continue;
        schedule_.after(prng_.below(20 * millisecond),
                        [one = other.get(), id = victim.id()] { one->peer_died(id); });
    }
}

void World::restart_later(Member& member) {
    schedule_.after(1 + prng_.below(2 * settings_.down_for), [this, &member] {
        // It has not come to its end yet.
        if (member.runs() && member.is_doomed() && !healed_) return restart_later(member);
        restart(member);
    });
}

void World::restart(Member& member) {
    if (member.runs()) return;
    if (member.id().number <= settings_.flaky_members && prng_.chance(50)) member.spoil_disk();
    member.start();
}

// Most often the leader: what it answers when it wakes up and has been replaced is what matters.
void World::pause() {
    const std::uint16_t leader = observer_.leading().member.number;
    Member& one = member(leader != 0 && prng_.chance(50) ? leader - 1U : prng_.next());
    one.pause(1 + prng_.below(2 * settings_.pause_lasts));
}

void World::partition() {
    constexpr std::array kinds{"partition, symmetric", "partition, one-way", "partition, partial",
                               "partition, a member is deaf"};
    std::vector<std::pair<MemberId, MemberId>> ways;
    const auto kind = prng_.below(kinds.size());
    const std::uint64_t side = prng_.next();
    for (const auto& from : members_) {
        for (const auto& to : members_) {
            if (from == to) continue;
            const bool from_side = ((side >> from->id().number) & 1U) != 0;
            const bool to_side = ((side >> to->id().number) & 1U) != 0;
            const bool symmetric = kind == 0 && from_side != to_side;
            const bool one_way = kind == 1 && from_side && !to_side;
            const bool partial = kind == 2 && prng_.chance(30);
            const bool deaf = kind == 3 && to->id().number == side % members_.size() + 1;
            if (symmetric || one_way || partial || deaf) ways.emplace_back(from->id(), to->id());
        }
    }
    trace_.line(schedule_.now(), "partition", kind, ways.size());
    if (!ways.empty()) reached_.count(kinds.at(kind));
    for (const auto& [from, to] : ways) network_.cut(from, to);
    schedule_.after(1 + prng_.below(2 * settings_.partition_lasts), [this, ways] {
        for (const auto& [from, to] : ways) {
            network_.mend(from, to);
            handshakes_.disconnect(from, to);
        }
    });
}

// A member is asked to stop; a while later it does.
void World::hand_over() {
    Member& one = member(prng_.next());
    if (!one.is_up()) return;
    one.begin_shutdown();
    schedule_.after(prng_.between(10, 1'000) * millisecond, [&one] { one.crash(); });
    schedule_.after(prng_.between(1'001, 2'000) * millisecond, [this, &one] { restart(one); });
}

// ---- Members come and go ------------------------------------------------------------------------

Member* World::find(MemberId id) {
    const auto found = std::ranges::find(members_, id, &Member::id);
    return found == members_.end() ? nullptr : found->get();
}

Member& World::member(std::uint64_t index) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
        Member& one = *members_[(index + i) % members_.size()];
        if (!one.has_ended() && (!healed_ || is_member(one))) return one;
    }
    return *members_.back();
}

// Any change that the state allows, whoever is up or has caught up: it is for operators to be
// careful, and for the protocol to be safe.
void World::reconfigure() {
    Member& at = member(prng_.next());
    if (!at.is_up()) return;
    if (!has_begun()) return;
    // First things first: whoever forgot may be needed in the set that would come.
    if (forgetful_ && !observer_.is_replaced(forgetful_->number)) return;
    const auto& newest = at.core().machine().globals().epochs.back();
    std::vector<statemachine::MemberNumber> voters, learners;
    for (const auto& one : newest.members) {
        (one.role == statemachine::Role::voter ? voters : learners).push_back(one.id);
    }
    statemachine::ChangeMembers change{.based_on = newest.number};
    const auto add = [&](bool wants_vote) {
        const std::string name = "x" + std::to_string(++newcomers_);
        // Some are registered ahead of their first start, by nobody's directory.
        const std::uint64_t incarnation = prng_.chance(30) ? 0 : 1'000 + newcomers_;
        change.changes.emplace_back(statemachine::AddMember{name, name, incarnation, wants_vote});
        // Now and then one asks twice.
        if (prng_.chance(20)) change.changes.push_back(change.changes.back());
    };
    const auto set = [&](statemachine::MemberNumber id, statemachine::Role role) {
        change.changes.emplace_back(statemachine::SetRole{id, role});
    };
    const std::uint64_t dice = prng_.below(100);
    if (dice < 35 && newest.members.size() < settings_.members_max) {
        add(prng_.chance(60));
    } else if (dice < 50 && !learners.empty()) {
        set(learners[prng_.below(learners.size())], statemachine::Role::voter);
    } else if (dice < 60 && voters.size() > 1) {
        set(voters[prng_.below(voters.size())], statemachine::Role::learner);
    } else if (dice < 85 && newest.members.size() > 1) {
        const auto& any = newest.members[prng_.below(newest.members.size())];
        change.changes.emplace_back(statemachine::RemoveMember{any.id});
    } else if (!learners.empty()) {
        reached_.count("all voters replaced at once");
        for (const auto id : learners) set(id, statemachine::Role::voter);
        for (const auto id : voters) change.changes.emplace_back(statemachine::RemoveMember{id});
    }
    if (!change.changes.empty()) propose(at, change);
}

void World::propose(Member& at, const statemachine::ChangeMembers& change) {
    undecided_.insert(change.based_on);
    const api::Submission submission{change, {}, std::chrono::seconds(4)};
    at.call(
        [submission](daemon::Core& core, std::uint64_t ticket) { core.submit(ticket, submission); },
        [this, based_on = change.based_on](const daemon::Core*,
                                           const daemon::Turn::Answer* answer) {
            if (answer == nullptr) return;
            const auto& result = std::get<daemon::Turn::Submitted>(*answer).result;
            const auto* executed = std::get_if<api::Executed>(&result);
            if (executed == nullptr) return;
            undecided_.erase(undecided_.find(based_on));
            const auto* changed = std::get_if<statemachine::MembersChanged>(&executed->outcome);
            if (changed == nullptr) return;
            reached_.count("members changed");
            for (const auto id : changed->added) admit({id}, prng_.below(2 * second));
        });
}

// A newcomer is started, with an empty disk.
void World::admit(MemberId id, Time after) {
    if (find(id) != nullptr) return;
    const auto recorded = daemon::recorded_incarnation(observer_.machine().globals(), id.number);
    members_.push_back(std::make_unique<Member>(
        surroundings(), id, recorded != 0 ? recorded : Settings::incarnation_of(id.number)));
    schedule_.after(after, [one = members_.back().get()] {
        if (!one->is_up()) one->start();
    });
}

// Whose registration nobody was told of.
void World::admit_whoever_is_missing() {
    for (const auto& epoch : observer_.machine().globals().epochs) {
        for (const auto& member : epoch.members) admit({member.id}, 0);
    }
}

bool World::is_member(const Member& member) const {
    return !daemon::is_gone(observer_.machine().globals(), member.id().number);
}

// One whose peers of old have all ended is told by nobody, or by strangers.
bool World::may_find_out(const Member& removed) const {
    if (!removed.is_up()) return true;
    const auto everyone = removed.core().replica().membership().everyone();
    return std::ranges::any_of(members_, [&](const auto& other) {
        return is_member(*other) && std::ranges::binary_search(everyone, other->id()) &&
               removed.would_believe(other->id());
    });
}

// ---- Directories are lost and set back ----------------------------------------------------------

void World::copy_a_directory() {
    constexpr std::size_t copies_max = 8;
    const Member& one = *members_[fate_.below(members_.size())];
    if (one.has_ended() || one.has_forgotten() || one.directory().boot == 0) return;
    if (copies_.size() == copies_max) {
        copies_.erase(copies_.begin() + static_cast<std::ptrdiff_t>(fate_.below(copies_max)));
    }
    copies_.push_back({one.id(), one.directory()});
}

// Who has not met all founders yet waits for all of them: none may go before.
bool World::has_begun() const {
    return std::ranges::all_of(members_, [](const auto& member) {
        return member->has_ended() || member->has_forgotten() || member->may_always_vote();
    });
}

// One at a time, as long as there is a majority without it, and not before what was chosen with the
// last one stands without that: two that forget may well have been the only ones who knew.
bool World::may_forget(const Member& victim) const {
    if (victim.has_ended() || victim.has_forgotten() || !has_begun()) return false;
    if (forgetful_ && !observer_.is_replaced(forgetful_->number)) return false;
    const auto& globals = observer_.machine().globals();
    // A change that is under way could leave a set that cannot do without it.
    if (undecided_.lower_bound(globals.epochs.back().number) != undecided_.end()) return false;
    // Alone, as it would take itself to be, it could decide and be seen by nobody.
    if (observer_.was_alone(victim.id())) return false;
    // Though it is a learner: its promotion may be under way.
    bool belongs = false;
    std::uint64_t other_voters = 0;
    for (const auto& member : globals.epochs.back().members) {
        const bool own = member.id == victim.id().number;
        belongs = belongs || own;
        if (!own && member.role == statemachine::Role::voter) ++other_voters;
    }
    statemachine::Revision known = 0;
    for (const auto& other : members_) {
        if (other.get() == &victim || other->has_ended()) continue;
        known = std::max(known, other->directory().applied);
    }
    return belongs && other_voters >= 2 && observer_.can_do_without(victim.id(), known);
}

// Whoever does not see it may count its vote, and nobody could tell: such a directory is outside
// the model. What is not durable may be forgotten until it matters.
bool World::is_seen_by_all(const Member& victim, const Directory& directory) const {
    const auto& globals = observer_.machine().globals();
    for (const auto& epoch : globals.epochs) {
        for (const auto& member : epoch.members) {
            if (!std::ranges::any_of(
                    members_, [&](const auto& one) { return one->id().number == member.id; })) {
                return false;  // Not started yet: it knows nobody.
            }
        }
    }
    return std::ranges::all_of(members_, [&](const auto& other) {
        return other.get() == &victim || other->has_ended() ||
               Handshakes::knows_more(*other, victim.id(), directory);
    });
}

void World::set_one_back() {
    const std::uint64_t from = fate_.next();
    for (std::size_t i = 0; i < copies_.size(); ++i) {
        Copied& copied = copies_[(from + i) % copies_.size()];
        Member& victim = *find(copied.member);
        if (!may_forget(victim)) continue;
        if (!is_seen_by_all(victim, copied.directory)) {
            reached_.count("directory not set back: not all would see it");
            continue;
        }
        reached_.count("directory set back");
        return forget(victim, std::move(copied.directory));
    }
}

// Only a founder comes back under its number: one that joined is given another. It votes once it
// has met all founders, so it is enough that one of them remembers it, or is gone.
void World::wipe(Member& victim) {
    if (victim.id().number > settings_.members || !may_forget(victim)) return;
    const Directory empty{.incarnation = 9'000'000 + fate_.below(1'000'000)};
    const bool recorded =
        daemon::recorded_incarnation(observer_.machine().globals(), victim.id().number) != 0;
    const bool remembered = std::ranges::any_of(members_, [&](const auto& other) {
        return other->id() != victim.id() && other->id().number <= settings_.members &&
               (other->has_ended() || Handshakes::knows_more(*other, victim.id(), empty));
    });
    if (!remembered || !(recorded || is_seen_by_all(victim, empty))) return;
    reached_.count("directory wiped");
    forget(victim, empty);
}

void World::forget(Member& victim, Directory directory) {
    trace_.line(schedule_.now(), victim.id().number, "forgets", directory.boot, directory.writes);
    victim.crash();
    victim.forget(std::move(directory));
    observer_.on_forgotten(victim.id());
    std::erase_if(copies_, [&](const Copied& one) { return one.member == victim.id(); });
    forgetful_ = victim.id();
    forgot_.insert(victim.id());
    refused_ = false;
    restart_later(victim);
}

// An operator finds it in the logs.
void World::on_refused(const Member& forgetful) {
    if (std::exchange(refused_, true)) return;
    schedule_.after(fate_.between(10, 2'000) * millisecond,
                    [this, id = forgetful.id()] { replace(id); });
}

// ... sees to it that it does not run on, and has a fresh member take its place.
void World::replace(MemberId forgetful) {
    find(forgetful)->end();
    admit_whoever_is_missing();
    const auto& newest = observer_.machine().globals().epochs.back();
    const auto place =
        std::ranges::find(newest.members, forgetful.number, &statemachine::Member::id);
    if (place == newest.members.end()) return reached_.count("member that forgot replaced");

    Member& at = member(fate_.next());
    if (at.is_up()) {
        const std::string name = "x" + std::to_string(++newcomers_);
        const bool votes = place->role == statemachine::Role::voter;
        propose(at, {.based_on = newest.number,
                     .changes = {statemachine::RemoveMember{forgetful.number},
                                 statemachine::AddMember{name, name, 1'000 + newcomers_, votes}}});
    }
    schedule_.after(fate_.between(100, 1'000) * millisecond,
                    [this, forgetful] { replace(forgetful); });
}

// ---- And then all is well -----------------------------------------------------------------------

void World::heal() {
    trace_.line(schedule_.now(), "heals");
    healed_ = true;
    network_.heal();
    handshakes_.disconnect_all();
    for (auto& member : members_) {
        if (member->is_up()) member->crash_soon(~0ULL);
        member->heal();
    }
    for (auto& client : clients_) client->finish();
}

// Generous: several elections may fail.
Time World::patience() const {
    return 20 * second + 30 * settings_.election_timeout_ms * millisecond;
}

bool World::clients_are_idle() const {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->is_idle(); });
}

void World::demand_progress() {
    // Those that were asked to stop still do.
    run_until(schedule_.now() + 2 * second);
    admit_whoever_is_missing();
    for (auto& member : members_) {
        if (!member->is_up()) member->start();
        member->heal();
    }
    demand_replacement();
    const Time deadline = schedule_.now() + patience();
    while (!clients_are_idle() && schedule_.now() < deadline) {
        run_until(schedule_.now() + 100 * millisecond);
    }
    expect(clients_are_idle(), "healed, every request ends");

    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (is_member(*members_[i])) demand_service(*members_[i]);
        admit_whoever_is_missing();
    }
}

void World::demand_replacement() {
    if (!forgetful_ || settings_.sabotage != Sabotage::none) return;
    const auto is_replaced = [this] {
        return daemon::is_gone(observer_.machine().globals(), forgetful_->number);
    };
    const Time deadline = schedule_.now() + patience();
    while (!is_replaced() && schedule_.now() < deadline) {
        run_until(schedule_.now() + 100 * millisecond);
    }
    expect(is_replaced(), "healed, a member that forgot is replaced");
}

void World::demand_service(Member& member) {
    const auto executed = std::make_shared<bool>(false);
    const api::Submission submission{
        statemachine::PutKey{"last", "of " + std::to_string(member.id().number)},
        {},
        std::chrono::milliseconds(patience() / millisecond)};
    const auto answered = [executed](const daemon::Core*, const daemon::Turn::Answer* answer) {
        if (answer == nullptr) return;
        const auto& result = std::get<daemon::Turn::Submitted>(*answer).result;
        *executed = *executed || std::holds_alternative<api::Executed>(result);
    };
    const Time limit = schedule_.now() + patience();
    while (!*executed && schedule_.now() < limit) {
        // Again and again: one that refuses, being full, may not do so for long.
        member.call([submission](daemon::Core& core,
                                 std::uint64_t ticket) { core.submit(ticket, submission); },
                    answered);
        for (int waits = 0; waits < 100 && !*executed; ++waits) {
            run_until(schedule_.now() + 10 * millisecond);
        }
    }
    expect(*executed || !is_member(member), "healed, every member serves");
}

bool World::all_agree() const {
    const std::uint64_t chosen = observer_.chosen_prefix();
    return std::all_of(members_.begin(), members_.end(), [&](const auto& member) {
        if (!is_member(*member)) return member->has_ended() || !may_find_out(*member);
        if (!member->is_up()) return false;  // It installs a snapshot.
        const auto& machine = member->core().machine();
        return machine.applied() == chosen && machine.hash() == observer_.hash_at(chosen);
    });
}

void World::demand_agreement() {
    const Time deadline = schedule_.now() + patience() + 4 * settings_.session_ttl_ms * millisecond;
    // Sessions that nobody keeps alive lapse, and the last change of members comes to govern; then
    // nothing changes any more.
    const auto& state = observer_.machine();
    const auto settled = [&state] {
        return state.sessions().empty() && state.ending_sessions().empty() &&
               state.globals().epochs.size() == 1;
    };
    while (schedule_.now() < deadline && (!all_agree() || !settled())) {
        run_until(schedule_.now() + 100 * millisecond);
    }
    expect(all_agree(), "healed, all members agree");
    expect(state.sessions().empty(), "healed, sessions lapse that nobody keeps");
    expect(state.ending_sessions().empty(), "healed, what ended sessions held is free");
    expect(state.globals().epochs.size() == 1, "healed, a change of members comes to govern");
    for (const auto& member : members_) {
        if (member->is_up()) member->core().check_invariants();
    }
    for (const auto& watcher : watchers_) {
        const Time limit = schedule_.now() + patience();
        while (schedule_.now() < limit && !observer_.all_seen_after(watcher->position())) {
            run_until(schedule_.now() + 100 * millisecond);
        }
        expect(observer_.all_seen_after(watcher->position()), "healed, watchers see everything");
    }
}

}  // namespace gavel::simulation
