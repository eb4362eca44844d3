#pragma once

#include <string>
#include <vector>

#include "cli/survey.h"

namespace gavel::cli::test {

// A cluster of voters 1 to `members`, all well, of which 1 leads; each is asked at its own address,
// which was given.
inline Survey healthy(std::size_t members = 3) {
    std::vector<KnownMember> known;
    const auto url = [](std::size_t id) { return "http://10.0.0." + std::to_string(id) + ":7400"; };
    for (std::size_t id = 1; id <= members; ++id) {
        known.push_back({.id = id,
                         .name = "n" + std::to_string(id),
                         .voter = true,
                         .client_address = url(id),
                         .lag = 0,
                         .last_contact = std::chrono::milliseconds{40}});
    }
    Survey survey;
    for (std::size_t id = 1; id <= members; ++id) {
        survey.asked.push_back({.url = url(id),
                                .given = true,
                                .status = {.id = id,
                                           .name = "n" + std::to_string(id),
                                           .role = id == 1 ? "leader" : "follower",
                                           .leader = 1,
                                           .ballot = 65537,
                                           .applied = 100,
                                           .chosen = 100,
                                           .epoch = 1,
                                           .cluster = "c1",
                                           .version = "0.1.0",
                                           .keys = 42,
                                           .log_bytes = 1 << 20,
                                           .log_bytes_max = 16ULL << 30,
                                           .state_bytes = 1 << 20,
                                           .state_bytes_max = 16ULL << 30},
                                .members = known,
                                .clock_ahead = std::chrono::milliseconds{3},
                                .clock_error = std::chrono::milliseconds{2}});
    }
    return survey;
}

// That member does not answer, and the others have not heard from it for a minute.
inline void lose(Survey& survey, std::uint64_t member) {
    for (auto& asked : survey.asked) {
        if (asked.status.id == member) {
            asked = {.url = asked.url, .given = asked.given, .error = "unreachable: " + asked.url};
        }
        for (auto& known : asked.members) {
            if (known.id == member) known.last_contact = std::chrono::milliseconds{60'000};
        }
    }
}

}  // namespace gavel::cli::test
