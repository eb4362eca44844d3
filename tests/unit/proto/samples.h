#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/prng.h"
#include "proto/codec.h"

// Values with every field set, and random ones, for the codec's tests.
namespace gavel::proto {

std::vector<statemachine::Command> command_samples();
statemachine::Entry entry_sample(statemachine::Command command);
std::vector<PeerMessage> peer_samples();
std::vector<statemachine::Outcome> outcome_samples();
std::vector<std::pair<statemachine::Table, statemachine::RowValue>> row_samples();
Hello hello_sample();
statemachine::Globals globals_sample();

statemachine::Entry random_entry(Prng& prng);
PeerMessage random_peer_message(Prng& prng);

// The bytes with something wrong: cut, lengthened, or with bytes replaced, removed or put in.
inline std::string damaged(std::string bytes, Prng& prng) {
    const std::uint64_t times = prng.between(1, 3);
    for (std::uint64_t i = 0; i < times; ++i) {
        const auto at = static_cast<std::size_t>(prng.below(bytes.size() + 1));
        const auto byte = static_cast<char>(prng.next());
        switch (prng.below(5)) {
            case 0:
                bytes.resize(at);
                break;
            case 1:
                bytes.insert(at, 1, byte);
                break;
            case 2:
                bytes.erase(at, 1);
                break;
            case 3:
                bytes += bytes.substr(at);
                break;
            default:
                if (at < bytes.size()) bytes[at] = byte;
        }
    }
    return bytes;
}

}  // namespace gavel::proto
