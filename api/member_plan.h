#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/gateway.h"
#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/outcomes.h"

namespace gavel::api {

// The listed members become voters, other voters are removed, learners stay.
struct ReplaceVoters {
    std::vector<statemachine::MemberNumber> voters{};
};
using MemberWish = std::variant<statemachine::AddMember, statemachine::SetRole,
                                statemachine::RemoveMember, ReplaceVoters>;

// Heard from so recently a member counts as reachable; so many slots behind it is caught up.
inline constexpr std::chrono::milliseconds reachable_within{5'000};
inline constexpr std::uint64_t caught_up_lag_max = 4'096;

// The voters of a set, and what they are good for.
struct Voters {
    std::vector<statemachine::MemberNumber> ids{};
    std::size_t live{};  // Reachable and caught up.

    std::size_t quorum() const { return ids.size() / 2 + 1; }
    std::size_t faults_tolerated() const { return ids.empty() ? 0 : (ids.size() - 1) / 2; }
};

struct PlannedMember {
    statemachine::Member member{};  // Id 0: it is given one when it is added.
    bool reachable{};
    bool caught_up{};
    std::optional<std::uint64_t> lag{};                       // Slots behind this member.
    std::optional<std::chrono::milliseconds> last_contact{};  // None: never heard from.
};

struct PlanReason {
    enum class Level : std::uint8_t { impossible, unsafe, warning, note };
    Level level{};
    std::string_view code{};  // Stable.
    std::string detail{};
    statemachine::MemberNumber member{};  // Whom it is about; 0: nobody in particular.
};

// What a change of the member set would do, as far as one member can tell.
struct MemberPlan {
    enum class Verdict : std::uint8_t { safe, unsafe, impossible };

    statemachine::ChangeMembers command{};
    statemachine::Outcome expected{};  // Unless somebody else changes the set first.
    Verdict verdict{};
    std::uint64_t epoch{};
    statemachine::Revision from_slot{};  // The epoch's first, at the earliest.
    Voters before{};
    Voters after{};
    std::vector<PlannedMember> members{};  // Of the set after.
    std::vector<PlanReason> reasons{};

    bool has(std::string_view code) const;
};

// Pure. It starts from the newest epoch that `status` has, pending ones included; `epoch`, when
// given, must be that one's number. Unsafe is what may leave the cluster without a majority that
// works; what the state machine would refuse is impossible, and told by its own rules.
MemberPlan plan_members(const Status& status, const MemberWish& wish,
                        std::optional<std::uint64_t> epoch = {},
                        const statemachine::Limits& limits = {});

// "member 3 (n3) was never heard from", or else why a voter would be of no use: it is there, as far
// as this member can tell, and knows what the others know, or not. None: it would be.
std::optional<std::string> why_not_live(const Status& status, const statemachine::Member& member);

std::string_view to_string(MemberPlan::Verdict verdict);
std::string_view to_string(PlanReason::Level level);

}  // namespace gavel::api
