#include "paxos/elector.h"

namespace gavel::paxos {

Elector::Elector(std::uint64_t seed, std::uint64_t heartbeat_ms, std::uint64_t timeout_ms, Tick now)
    : prng_(seed), heartbeat_ms_(heartbeat_ms), timeout_ms_(timeout_ms) {
    // At the start of a cluster nobody leads: a shorter wait, still spread out.
    deadline_ = now + prng_.between(heartbeat_ms_ / 2, timeout_ms_);
}

void Elector::on_leader_heard(Tick now) {
    heard_ = true;
    dead_ = false;
    last_heard_ = now;
    deadline_ = now + randomised();
}

void Elector::on_promised(Tick now) {
    heard_ = false;
    dead_ = false;
    deadline_ = now + randomised();
}

void Elector::on_leader_dead(Tick now) {
    heard_ = false;
    dead_ = true;
    deadline_ = now + prng_.below(heartbeat_ms_ / 2 + 1);
}

void Elector::on_defeat(Tick now) {
    // While the leader is known dead the others find out within moments: ask again soon.
    deadline_ = now + (dead_ ? prng_.between(heartbeat_ms_ / 2, heartbeat_ms_) : randomised());
}

}  // namespace gavel::paxos
