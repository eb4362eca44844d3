#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "cli/survey.h"
#include "cli/tone.h"

namespace gavel::cli {

// What a member did in a second, between two surveys. Nothing of one that was not asked twice, or
// that began anew in between.
struct Rates {
    double commits = 0;
    double proposals = 0;
    double reads = 0;
};

struct TopRow {
    std::uint64_t id = 0;
    std::string name{};
    std::string role{};  // "leader", "follower", "learner"; "away" when it does not answer.
    bool answers = false;
    MemberStatus status{};
    std::uint64_t lag = 0;  // Slots behind the furthest.
    std::optional<Rates> rates{};
};

struct TopView {
    std::string cluster{};
    std::string leader{};  // Empty: nobody leads.
    std::uint64_t epoch = 0;
    std::size_t voters = 0;
    long tolerated = 0;
    std::uint64_t sessions = 0;
    std::uint64_t keys = 0;
    std::uint64_t key_bytes = 0;
    std::uint64_t watches = 0;
    std::uint64_t waiting = 0;
    std::vector<TopRow> rows{};
    std::vector<std::string> alarms{};
    std::vector<std::string> errors{};  // Of whom was asked in vain.
};

// Pure. Somebody must have answered in `now`.
TopView view_of(const Survey& before, const Survey& now, std::chrono::milliseconds apart);

// Of a line of the view.
Tone tone_of_line(const std::string& line);

// The view as lines, no longer than `columns` and no more than `lines`; 0: as many as there are.
std::vector<std::string> draw(const TopView& view, std::size_t columns, std::size_t lines);

}  // namespace gavel::cli
