#include "tests/simulation/watcher.h"

#include "tests/simulation/failure.h"
#include "tests/simulation/world.h"

namespace gavel::simulation {

using statemachine::Change;
using statemachine::Machine;

namespace {

// Of a snapshot, at a time: few, for what is there is little, but for the locks of a crowd.
api::Snapshot::PieceLimits piece_limits(const Settings& settings) {
    if (settings.crowd_every > Time{}) return {.names = 16, .bytes = 1'024};
    return {.names = 1, .bytes = 64};
}

const char* kind_of(const statemachine::EventBody& body) {
    if (std::holds_alternative<statemachine::MemberEvent>(body)) return "member watched";
    return std::holds_alternative<statemachine::LockEvent>(body) ? "lock watched" : "key watched";
}

}  // namespace

Watcher::Watcher(World& world, std::uint64_t number)
    : world_(world),
      prng_(world.settings().seed * 137 + number),
      wish_((world.settings().seed + number) % watch_filters().size()),
      filter_(watch_filters()[wish_]),
      snapshot_(filter_, piece_limits(world.settings())),
      known_(Known::of(Observer::fresh_machine(world.settings()), filter_)) {}

void Watcher::attach() {
    const std::uint64_t attachment = ++attachment_;
    Member& member = world_.member(prng_.next());
    const auto current = [this, attachment] { return attachment == attachment_; };
    const Again again = [this, current] {
        if (!current()) return;
        ++attachment_;
        if (anew_) world_.counters().count("watch snapshot broken off");
        anew_.reset();
        world_.schedule().after(prng_.between(1, 300) * millisecond, [this] { attach(); });
    };
    // Waits there until as much is executed as was seen elsewhere.
    const api::ReadOptions options{
        .stale = true, .min_revision = since_, .timeout = std::chrono::seconds(5)};
    member.call([options](daemon::Core& core, std::uint64_t ticket) { core.read(ticket, options); },
                [this, &member, current, again](const daemon::Core* core,
                                                const daemon::Turn::Answer* answer) {
                    if (!current()) return;
                    if (core == nullptr || std::get<daemon::Turn::ReadReady>(*answer).failure) {
                        return again();
                    }
                    on_attached(member, *core, again);
                });
}

void Watcher::on_attached(Member& member, const daemon::Core& core, const Again& again) {
    const std::uint64_t attachment = attachment_;
    catch_up(member, core.machine());
    member.subscribe([this, attachment, again](const Member::Changes* changes) {
        if (attachment != attachment_) return;
        if (changes == nullptr) return again();
        for (const auto& change : *changes) take(*change);
    });
    if (anew_) read_on(member, attachment, again);
    // Now and then it moves on without need.
    world_.schedule().after(prng_.between(200, 5'000) * millisecond, again);
}

void Watcher::catch_up(Member& member, const Machine& machine) {
    heard_ = machine.applied();
    const bool compacted = since_ < machine.globals().history_floor;
    if (compacted) world_.counters().count("watch found its position compacted");
    // Now and then it forgets everything, as one that has just come.
    if (compacted || prng_.chance(10)) {
        anew_ = Anew{};
        return take_piece(machine);
    }
    if (since_ > 0) {
        world_.counters().count("watch resumed");
        if (!world_.observer().has_change(since_)) {
            world_.counters().count("watch resumed at a bookmark");
        }
        if (since_ < world_.observer().installed_by(member.id())) {
            world_.counters().count("watch resumed over a snapshot");
        }
    }
    for (const auto& change : machine.history(since_, 1'000'000)) {
        world_.observer().on_watched(since_, *change);
        learn(known_, *change);
        stand_at(change->revision);
    }
    world_.observer().on_watched_all(since_, machine.applied());
    stand_at(machine.applied());
}

// The next piece, when the last one has been taken.
void Watcher::read_on(Member& member, std::uint64_t attachment, const Again& again) {
    world_.schedule().after(prng_.between(1, 50) * millisecond, [this, &member, attachment, again] {
        if (attachment != attachment_ || !member.is_up()) return;
        const api::ReadOptions options{.stale = true, .timeout = std::chrono::seconds(5)};
        member.call(
            [options](daemon::Core& core, std::uint64_t ticket) { core.read(ticket, options); },
            [this, &member, attachment, again](const daemon::Core* core,
                                               const daemon::Turn::Answer* answer) {
                if (attachment != attachment_) return;
                if (core == nullptr || std::get<daemon::Turn::ReadReady>(*answer).failure) {
                    return again();
                }
                take_piece(core->machine());
                if (anew_) read_on(member, attachment, again);
            });
    });
}

void Watcher::take_piece(const Machine& machine) {
    const auto piece = snapshot_.read(machine, anew_->at);
    for (const auto& event : piece.events) anew_->known.learn(event.body);
    anew_->at = piece.next;
    if (!piece.is_last()) return;
    world_.counters().count("watch began anew with what is there");
    known_ = anew_->known;
    anew_.reset();
    stand_at(machine.applied());
}

void Watcher::take(const Change& change) {
    world_.observer().on_watched(heard_, change);
    world_.counters().count("change watched");
    heard_ = change.revision;
    if (anew_) {
        if (learn(anew_->known, change)) {
            world_.counters().count("watch snapshot followed a change");
        }
        return;
    }
    learn(known_, change);
    stand_at(change.revision);
}

// Whether anything of it is news: of what a snapshot has not come to yet it will tell by itself.
bool Watcher::learn(Known& known, const Change& change) {
    bool news = false;
    for (const auto& event : change.events) {
        if (!filter_.matches(event.body)) continue;
        if (anew_ && !snapshot_.has_passed(anew_->at, event.body)) continue;
        world_.counters().count(kind_of(event.body));
        known.learn(event.body);
        news = true;
    }
    return news;
}

void Watcher::stand_at(statemachine::Revision revision) {
    expect(revision >= since_, "a watcher never goes back");
    since_ = revision;
    expect(known_.hash() == world_.observer().known_at(since_, wish_),
           "who does as the events say knows what is there");
}

}  // namespace gavel::simulation
