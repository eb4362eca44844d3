#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/endpoint.h"

namespace gavel::cli {

// What a member says of itself (GET /v1/status). A number that it does not tell is 0.
struct MemberStatus {
    std::uint64_t id = 0;
    std::string name{};
    std::string role{};
    std::uint64_t leader = 0;  // 0: it knows of none.
    std::uint64_t ballot = 0;
    std::uint64_t applied = 0;
    std::uint64_t chosen = 0;
    std::uint64_t epoch = 0;
    std::uint64_t alpha = 0;
    std::string cluster{};
    std::string version{};
    bool ready = true;
    std::uint64_t sessions = 0;
    std::uint64_t keys = 0;
    std::uint64_t key_bytes = 0;
    std::uint64_t waiting = 0;
    std::uint64_t watches = 0;
    std::uint64_t log_bytes = 0;
    std::uint64_t log_bytes_max = 0;
    std::uint64_t state_bytes = 0;
    std::uint64_t state_bytes_max = 0;
    std::uint64_t elections = 0;
    std::uint64_t commits = 0;
    std::uint64_t proposals = 0;
    std::uint64_t reads = 0;
    std::vector<std::string> alarms{};
};

// What a member says of another one, or of itself (GET /v1/members).
struct KnownMember {
    std::uint64_t id = 0;
    std::string name{};
    bool voter = false;
    bool wants_vote = false;
    std::string client_address{};  // Empty: it does not know.
    std::optional<std::uint64_t> lag{};
    std::optional<std::chrono::milliseconds> last_contact{};  // None: it never heard from it.
};

// One address that was asked, and what came of it.
struct Asked {
    std::string url{};
    bool given = false;   // By the one who asks; else a member names it.
    std::string error{};  // Empty: it answered.
    MemberStatus status{};
    std::vector<KnownMember> members{};
    bool has_pending = false;  // A set is decided that does not govern yet.
    // How far its clock is ahead of ours, and how far that may be off.
    std::optional<std::chrono::milliseconds> clock_ahead{};
    std::chrono::milliseconds clock_error{};

    bool answered() const { return error.empty(); }
};

struct Survey {
    std::vector<Asked> asked{};

    // What the member knows that knows most: the leader if it answered, else the one furthest on.
    // Null: nobody answered.
    const Asked* best() const;
    // The member of the same cluster as best(): another one's has nothing but its number in common.
    const Asked* find(std::uint64_t member) const;
};

// Asks all endpoints at once, then the members that these name and that nobody asked yet. Takes
// little more than twice `patience`, whoever is silent; nobody is waited for any more once
// `interrupt_fd` is readable.
Survey take_survey(const std::vector<Endpoint>& endpoints, std::chrono::milliseconds patience,
                   int interrupt_fd = -1);

}  // namespace gavel::cli
