#pragma once

#include <cstdint>

#include "paxos/types.h"
#include "proto/wire.h"

// Not for other rooms.
namespace gavel::proto {

// A ballot, or zero for none; half of a ballot is neither.
inline paxos::Ballot ballot_or_none(std::uint64_t number, Check& check) {
    const auto ballot = paxos::Ballot::from_number(number);
    check.that((ballot.round == 0) == (ballot.member.number == 0));
    return ballot;
}

inline paxos::Ballot ballot(std::uint64_t number, Check& check) {
    check.that(number != 0);
    return ballot_or_none(number, check);
}

}  // namespace gavel::proto
