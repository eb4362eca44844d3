#pragma once

#include "statemachine/types.h"

// For the codec's sources: a command and a row both carry a quota's bounds.
namespace gavel::proto {

template <class M>
void put_bounds(const statemachine::QuotaBounds& from, M& to) {
    if (from.bytes) to.set_bytes(*from.bytes);
    if (from.keys) to.set_keys(*from.keys);
    if (from.sessions) to.set_sessions(*from.sessions);
}

template <class M>
statemachine::QuotaBounds take_bounds(const M& from) {
    statemachine::QuotaBounds bounds;
    if (from.has_bytes()) bounds.bytes = from.bytes();
    if (from.has_keys()) bounds.keys = from.keys();
    if (from.has_sessions()) bounds.sessions = from.sessions();
    return bounds;
}

}  // namespace gavel::proto
