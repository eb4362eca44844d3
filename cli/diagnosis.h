#pragma once

#include <string>
#include <vector>

#include "cli/survey.h"

namespace gavel::cli {

// What is wrong with a cluster, and what to do about it.
struct Finding {
    enum class Level {
        problem,  // Something is broken, or the next fault breaks it.
        warning,  // It works, and there is a better way.
        note,     // To know.
    };
    Level level = Level::note;
    std::string code{};  // For programs; never changes its meaning.
    std::string who{};   // A member or an endpoint; empty: the cluster.
    std::string what{};
    std::string advice{};

    friend bool operator==(const Finding&, const Finding&) = default;
};

const char* to_string(Finding::Level level);

// Voters, by who may be lost.
struct Margin {
    std::size_t voters = 0;
    std::size_t alive = 0;  // They answer, or the member asked heard from them lately.
    std::size_t quorum = 0;

    // Voters that may be lost now; less than nothing: as many are missing.
    long tolerated() const { return static_cast<long>(alive) - static_cast<long>(quorum); }
};
Margin margin_of(const Survey& survey);

// Pure: the same survey has the same findings, the worst first. Somebody must have answered.
std::vector<Finding> diagnose(const Survey& survey);

// Whether asking again in a moment may show something else: an election passes.
bool is_passing(const std::vector<Finding>& findings);
bool is_healthy(const std::vector<Finding>& findings);

}  // namespace gavel::cli
