#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>

#include "paxos/membership.h"

namespace gavel::paxos {

// Who said yes. No other file counts votes.
class Votes {
public:
    // False: counted already.
    bool add(MemberId member) {
        if (has(member)) return false;
        members_.push_back(member);
        return true;
    }
    bool has(MemberId member) const {
        return std::find(members_.begin(), members_.end(), member) != members_.end();
    }

    // Any two majorities of one epoch share a member (S09). Votes of others do not count.
    bool is_quorum(const Epoch& epoch) const {
        const auto yes = std::count_if(members_.begin(), members_.end(),
                                       [&](MemberId member) { return epoch.has_voter(member); });
        return static_cast<std::size_t>(yes) * 2 > epoch.voters.size();
    }

private:
    boost::container::small_vector<MemberId, 7> members_{};
};

}  // namespace gavel::paxos
