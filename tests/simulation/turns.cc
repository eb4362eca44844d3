#include "tests/simulation/turns.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include "tests/simulation/failure.h"

namespace gavel::simulation {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

namespace {

using Kind = LockEvent::Change;

}  // namespace

void Turns::check(const Entry& entry, const Applied& applied) {
    if (applied.repeated) return;
    const Asked asked = asked_by(entry, applied.outcome);
    if (const auto* opened = std::get_if<SessionOpened>(&applied.outcome)) {
        lock_delays_[opened->session] = std::get<OpenSession>(entry.command).lock_delay;
    }
    // In the order in which one command does it: who has ended or gives up is out of the queues
    // before anything is handed on.
    leave(entry, applied, asked);
    lose_the_ended();
    end_delay(entry, applied.outcome);
    follow(applied, asked);
    answer(applied, asked);
    check_nobody_is_kept_waiting();
    check_shown();
    count_rare(entry, applied);
    std::erase_if(locks_, [](const auto& lock) {
        return lock.second.holders.empty() && lock.second.queue.empty() &&
               lock.second.delayed_at == 0;
    });
}

bool Turns::is_live(const std::string& lock, Token token, SessionId session) const {
    const auto at = locks_.find(lock);
    return at != locks_.end() && std::ranges::any_of(at->second.holders, [&](const auto& held) {
               return held.second.token == token && (session == 0 || session == held.first);
           });
}

Turns::Asked Turns::asked_by(const Entry& entry, const Outcome& outcome) {
    // Who brings no session is told of the one that was made.
    const auto known = [&](SessionId session) {
        if (session != 0) return session;
        if (const auto* granted = std::get_if<LockGranted>(&outcome)) return granted->session;
        const auto* queued = std::get_if<LockQueued>(&outcome);
        return queued != nullptr ? queued->session : 0;
    };
    if (const auto* one = std::get_if<AcquireLock>(&entry.command)) {
        return {known(one->session), {{one->name, one->mode, one->limit}}, one->wait > 0};
    }
    if (const auto* several = std::get_if<AcquireLocks>(&entry.command)) {
        return {known(several->session), several->locks, several->wait > 0};
    }
    return {};
}

// ---- Who is no longer in a queue, and what nobody could have ------------------------------------

void Turns::lose_the_ended() {
    std::vector<Revision> places;
    for (const auto& [name, lock] : locks_) {
        for (const auto& [place, waiting] : lock.queue) {
            if (machine_.session(waiting.session) == nullptr) places.push_back(place);
        }
    }
    for (const Revision place : places) dequeue(place);
}

void Turns::leave(const Entry& entry, const Applied& applied, const Asked& asked) {
    if (const auto* held = std::get_if<LockHeld>(&applied.outcome)) leave(asked, *held);
    if (const auto* command = std::get_if<LeaveQueue>(&entry.command)) {
        leave_wait(*command, applied.outcome);
    }
    if (std::holds_alternative<LeftQueue>(applied.outcome)) {
        const auto& command = std::get<ReleaseLock>(entry.command);
        const Revision place = place_of(command.name, command.session.value_or(0));
        expect(place != 0, "only who waits leaves a queue");
        dequeue(place);
    }
}

// An acquire that does not wait, of one who waited.
void Turns::leave(const Asked& asked, const LockHeld& held) {
    if (asked.locks.empty()) return;
    const Revision place = place_of(asked);
    expect(!asked.waits, "who would wait is given a place");
    if (place == 0) return check_held(held, asked);
    reached_.count("place given up by another acquire");
    dequeue(place);
}

void Turns::leave_wait(const LeaveQueue& command, const Outcome& outcome) {
    const Revision place = place_of(command.name, command.session);
    if (place == 0) {
        expect(!std::holds_alternative<LockQueued>(outcome), "only who waits has a place");
        return;
    }
    const Waiting& waiting = locks_.at(command.name).queue.at(place);
    if (waiting.attempt == command.attempt) {
        expect(std::holds_alternative<LockHeld>(outcome), "a wait that is over leaves its place");
        return dequeue(place);
    }
    const auto* queued = std::get_if<LockQueued>(&outcome);
    expect(queued != nullptr && queued->attempt == waiting.attempt &&
               queued->position == position_of(command.name, place),
           "the end of an earlier wait takes nobody's place");
    reached_.count("place kept though an earlier wait for it was over");
}

void Turns::end_delay(const Entry& entry, const Outcome& outcome) {
    if (const auto* command = std::get_if<EndLockDelay>(&entry.command)) {
        const auto at = locks_.find(command->name);
        if (at == locks_.end() || at->second.delayed_at != command->delayed_at) return;
        at->second.delayed_at = 0;
    }
    const auto* release = std::get_if<ReleaseLock>(&entry.command);
    if (release == nullptr || !std::holds_alternative<LockReleased>(outcome)) return;
    const bool of_everybody = release->force && !release->session && !release->token;
    if (of_everybody) locks_[release->name].delayed_at = 0;
}

void Turns::dequeue(Revision place) {
    for (const auto& name : waits_[place]) locks_.at(name).queue.erase(place);
    waits_.erase(place);
}

// ---- What events tell ---------------------------------------------------------------------------

void Turns::follow(const Applied& applied, const Asked& asked) {
    std::vector<Revision> granted;
    for (const auto& event : applied.events) {
        const auto* lock = std::get_if<LockEvent>(&event.body);
        if (lock == nullptr) continue;
        if (lock->change == Kind::acquired) {
            granted.push_back(place_of(lock->lock, lock->session));
            grant(*lock, applied, asked);
        } else {
            let_go(*lock, applied.revision);
        }
    }
    for (const Revision place : granted) {
        expect(!waits_.contains(place), "several locks are granted together");
    }
}

void Turns::let_go(const LockEvent& event, Revision now) {
    Lock& lock = locks_[event.lock];
    if (event.change == Kind::delay_ended) {
        reached_.count("lock-delay ended by force");
        expect(lock.holders.empty(), "a delay that ends alone is of a lock without holders");
        return;
    }
    const auto held = lock.holders.find(event.session);
    expect(held != lock.holders.end() && held->second.token == event.token,
           "a lock is released by its holder");
    lock.holders.erase(held);
    if (event.change == Kind::broken) {
        reached_.count("lock broken");
        broken_.insert({event.lock, event.token});
    }
    if (event.change != Kind::expired) {
        expired_.erase(event.lock);
        return;
    }
    reached_.count("lock freed by an expiry");
    expired_[event.lock] = event.token;
    if (lock_delays_[event.session] > 0) lock.delayed_at = now;
}

void Turns::grant(const LockEvent& event, const Applied& applied, const Asked& asked) {
    Lock& lock = locks_[event.lock];
    for (const auto& [session, other] : lock.holders) {
        expect(event.mode == LockMode::shared && other.mode == LockMode::shared,
               "a lock has one holder, or some that share it");
    }
    expect(event.token == applied.revision, "a token is the revision of its grant");
    expect(machine_.session(event.session) != nullptr, "a holder's session lives");
    expect(lock.delayed_at == 0, "nobody is granted a lock under delay");
    if (const Revision place = place_of(event.lock, event.session)) {
        grant_the_first(event, lock, place);
    } else {
        const auto* granted = std::get_if<LockGranted>(&applied.outcome);
        const auto wanted = std::ranges::find(asked.locks, event.lock, &AcquireLocks::Wanted::name);
        expect(granted != nullptr && granted->fresh && granted->token == event.token &&
                   asked.session == event.session && wanted != asked.locks.end() &&
                   wanted->mode == event.mode,
               "a lock is granted to whoever asks or waits for it");
        expect(lock.queue.empty(), "nobody is granted a lock before those who wait for it");
        expect(fits(lock, wanted->mode, wanted->limit), "no more share a lock than its limit");
    }
    // Those who are granted it by one command share its token.
    if (event.token == lock.highest && !lock.holders.empty()) {
        reached_.count("shared lock granted to several together");
    }
    lock.highest = event.token;
    lock.holders[event.session] = event;
    if (expired_.erase(event.lock) != 0) reached_.count("lock granted after an expiry");
}

void Turns::grant_the_first(const LockEvent& event, Lock& lock, Revision place) {
    const auto first = lock.queue.begin();
    expect(first->first == place, "nobody is granted a lock before those who wait for it");
    expect(first->second.mode == event.mode, "a lock is granted as it was asked for");
    expect(fits(lock, event.mode, first->second.limit), "no more share a lock than its limit");
    lock.queue.erase(first);
    auto& rest = waits_.at(place);
    rest.erase(event.lock);
    if (rest.empty()) waits_.erase(place);
}

// ---- What whoever asks is told ------------------------------------------------------------------

void Turns::answer(const Applied& applied, const Asked& asked) {
    if (asked.locks.empty()) return;
    if (const auto* queued = std::get_if<LockQueued>(&applied.outcome)) {
        answer_queued(*queued, asked, applied.revision);
    } else if (const auto* granted = std::get_if<LockGranted>(&applied.outcome)) {
        answer_granted(*granted, asked);
    }
}

void Turns::answer_queued(const LockQueued& queued, const Asked& asked, Revision now) {
    expect(asked.waits && queued.attempt == now, "a place is for who waits");
    Revision place = place_of(asked);
    if (place != 0) {
        reached_.count("place kept by a repeated acquire");
        for (const auto& name : waits_.at(place)) locks_.at(name).queue.at(place).attempt = now;
    } else {
        expect(!could_have(asked), "who can have a lock at once does not wait for it");
        place = now;
        for (const auto& wanted : asked.locks) {
            locks_[wanted.name].queue[place] = {asked.session, now, wanted.mode, wanted.limit};
            waits_[place].insert(wanted.name);
        }
    }
    std::uint64_t furthest = 0;
    for (const auto& wanted : asked.locks) {
        furthest = std::max(furthest, position_of(wanted.name, place));
    }
    expect(queued.position == furthest, "a place in a queue is told as it is");
}

void Turns::answer_granted(const LockGranted& granted, const Asked& asked) const {
    for (const auto& wanted : asked.locks) {
        expect(is_live(wanted.name, granted.token, asked.session),
               "who is told that it holds a lock holds it");
    }
}

// It is not given a place, nor had one.
void Turns::check_held(const LockHeld& held, const Asked& asked) const {
    expect(!could_have(asked), "who can have a lock at once is not refused it");
    if (asked.locks.size() > 1) return;
    const auto at = locks_.find(asked.locks.front().name);
    expect(at != locks_.end() && held.position == at->second.queue.size() + 1,
           "a place in a queue is told as it is");
    expect(
        held.holder == 0 ? at->second.holders.empty() : is_live(at->first, held.token, held.holder),
        "who is told to hold a lock holds it");
}

void Turns::check_nobody_is_kept_waiting() const {
    for (const auto& [place, names] : waits_) {
        const bool next = std::ranges::all_of(names, [this, place = place](const auto& name) {
            const Lock& lock = locks_.at(name);
            const auto& [first, waiting] = *lock.queue.begin();
            return first == place && fits(lock, waiting.mode, waiting.limit);
        });
        expect(!next, "whoever is next and can have a lock has it at once");
    }
}

// A queue is shown as it is; without this nobody would notice whom a state machine forgets.
void Turns::check_shown() const {
    for (const auto& [name, lock] : locks_) {
        if (lock.queue.empty() && machine_.queue_length(name) == 0) continue;
        const auto shown = machine_.lock(name);
        const bool same =
            shown &&
            std::ranges::equal(shown->queue, lock.queue, [](const auto& is, const auto& was) {
                return is->place == was.first && is->session == was.second.session &&
                       is->attempt == was.second.attempt;
            });
        expect(same, "who waits keeps its place");
    }
}

void Turns::count_rare(const Entry& entry, const Applied& applied) const {
    std::map<SessionId, std::size_t> granted;
    for (const auto& event : applied.events) {
        const auto* lock = std::get_if<LockEvent>(&event.body);
        if (lock == nullptr || lock->change != Kind::acquired) continue;
        const bool several = ++granted[lock->session] == 2;
        const auto* asked = std::get_if<AcquireLocks>(&entry.command);
        const bool waited = asked == nullptr || asked->session != lock->session;
        if (several && waited) reached_.count("several locks granted at once from the queue");
    }
    if (std::holds_alternative<Deadlock>(applied.outcome)) reached_.count("deadlock refused");
    const auto* acquire = std::get_if<AcquireLock>(&entry.command);
    if (acquire != nullptr && std::holds_alternative<LockQueued>(applied.outcome) &&
        acquire->mode == LockMode::shared) {
        const Lock& lock = locks_.at(acquire->name);
        if (!lock.holders.empty() && fits(lock, acquire->mode, acquire->limit)) {
            reached_.count("reader put behind a writer that waits");
        }
    }
    const auto* leave = std::get_if<LeaveQueue>(&entry.command);
    if (leave != nullptr && std::holds_alternative<LockHeld>(applied.outcome) &&
        machine_.session(leave->session) == nullptr) {
        reached_.count("session that an acquire made ended with its wait");
    }
}

// ---- What the books say -------------------------------------------------------------------------

// As far as its holders and a delay go.
bool Turns::fits(const Lock& lock, LockMode mode, std::uint64_t limit) const {
    if (lock.delayed_at != 0) return false;
    if (lock.holders.empty()) return true;
    const bool shared =
        mode == LockMode::shared && lock.holders.begin()->second.mode == LockMode::shared;
    const std::size_t most = machine_.limits().holders_per_lock;
    return shared && lock.holders.size() < (limit == 0 ? most : std::min<std::size_t>(limit, most));
}

bool Turns::could_have(const Asked& asked) const {
    return std::ranges::all_of(asked.locks, [this](const auto& wanted) {
        const auto at = locks_.find(wanted.name);
        return at == locks_.end() ||
               (at->second.queue.empty() && fits(at->second, wanted.mode, wanted.limit));
    });
}

Revision Turns::place_of(const std::string& lock, SessionId session) const {
    const auto at = locks_.find(lock);
    if (at == locks_.end()) return 0;
    const auto found = std::ranges::find_if(at->second.queue, [session](const auto& waiting) {
        return waiting.second.session == session;
    });
    return found == at->second.queue.end() ? 0 : found->first;
}

// Of all of them together.
Revision Turns::place_of(const Asked& asked) const {
    return asked.locks.empty() ? 0 : place_of(asked.locks.front().name, asked.session);
}

std::uint64_t Turns::position_of(const std::string& lock, Revision place) const {
    const auto& queue = locks_.at(lock).queue;
    return 1 + static_cast<std::uint64_t>(std::distance(queue.begin(), queue.find(place)));
}

}  // namespace gavel::simulation
