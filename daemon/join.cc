#include "daemon/join.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/bootstrap.h"
#include "daemon/complaint.h"
#include "daemon/http_post.h"
#include "daemon/roster.h"
#include "persistence/folder.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::milliseconds answer_within{10'000};
constexpr long retry_after_ms = 250;

std::string hex(std::uint64_t number) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
    return text.data();
}

// The incarnation that this directory is to have: kept from an earlier try, or drawn now.
Result<std::uint64_t, ConfigError> incarnation_for(const fs::path& folder) {
    const fs::path file = folder / ".joining";
    if (std::ifstream kept(file); kept) {
        std::uint64_t number = 0;
        if (kept >> std::hex >> number && number != 0) return number;
    }
    if (const auto unfit = persistence::unfit_for_new_member(folder)) {
        return ConfigError{unfit->what};
    }
    if (const auto error = persistence::make_folder(folder)) return ConfigError{error->what};
    const std::uint64_t number = random_number() | 1;
    std::ofstream fresh(file);
    fresh << hex(number) << '\n' << std::flush;
    if (!fresh) return ConfigError{file.string() + ": cannot be written"};
    if (const auto error = persistence::sync_folder(folder)) return ConfigError{error->what};
    return number;
}

// False: somebody wants this process to end.
bool wait_before_retry() {
    sigset_t ends;
    sigemptyset(&ends);
    for (const int signal : {SIGTERM, SIGINT}) sigaddset(&ends, signal);
    const timespec patience{.tv_sec = 0, .tv_nsec = retry_after_ms * 1'000'000};
    return sigtimedwait(&ends, nullptr, &patience) < 0;
}

// Why a cluster said no, from its RFC 9457 problem.
std::string reason_in(const HttpAnswer& response) {
    const json problem = json::parse(response.body, nullptr, false);
    const std::string status = "HTTP " + std::to_string(response.status);
    if (!problem.is_object()) return status;
    return problem.value("detail", problem.value("title", status));
}

Result<persistence::Identity, ConfigError> identity_from(const std::string& body,
                                                         persistence::Identity identity) {
    try {
        const json told = json::parse(body);
        identity.member = told.at("member_id").get<std::uint16_t>();
        identity.name = told.at("name").get<std::string>();
        identity.cluster_id = told.at("cluster_id").get<std::string>();
        identity.alpha = told.at("alpha").get<std::uint64_t>();
        identity.initial_cluster = told.at("initial_cluster").get<std::string>();
        const auto level = told.at("format_level").get<std::uint64_t>();
        if (level != identity.format_level) {
            return ConfigError{"the cluster is at format level " + std::to_string(level) +
                               ", this gaveld knows level " +
                               std::to_string(identity.format_level)};
        }
        std::map<paxos::MemberId, Address> contacts;
        for (const auto& member : told.at("members")) {
            const paxos::MemberId id{member.at("member_id").get<std::uint16_t>()};
            const auto address = parse_address(member.at("peer_address").get<std::string>());
            if (address && id.number != identity.member) contacts[id] = *address;
        }
        identity.contacts = contacts_text(contacts);
    } catch (const json::exception&) {
        return ConfigError{"the answer is not one of a gaveld that knows how to be joined"};
    }
    if (identity.contacts.empty() || parse_initial_cluster(identity.initial_cluster).has_error()) {
        return ConfigError{"the answer is not one of a gaveld that knows how to be joined"};
    }
    return identity;
}

bool is_worth_another_try(unsigned status) {
    return status == 503 || status == 504 || status == 429;
}

}  // namespace

Result<persistence::Identity, ConfigError> join_cluster(const Options& options) {
    // The option's form was checked when it was read.
    const auto host = parse_address(options.join->substr(join_scheme.size()));
    if (!host) return host.error();
    const auto incarnation = incarnation_for(options.data_dir);
    if (!incarnation) return incarnation.error();

    persistence::Identity identity{
        .name = options.name.value_or("m-" + hex(*incarnation).substr(0, 8)),
        .incarnation = *incarnation,
        .format_level = proto::format_level,
        .peer_address = to_string(options.peer_advertise.value_or(options.peer_listen))};
    const json wish{{"name", identity.name},
                    {"peer_address", identity.peer_address},
                    {"role", options.join_as},
                    {"incarnation", hex(*incarnation)}};
    for (std::string said;;) {
        const auto response = http_post(*host, "/v1/members", wish.dump(), answer_within);
        if (response && response->status / 100 == 2) return identity_from(response->body, identity);
        const std::string reason = response ? reason_in(*response) : response.error().reason;
        if (response && !is_worth_another_try(response->status)) {
            return ConfigError{"--join: " + *options.join + " says no: " + reason};
        }
        if (std::exchange(said, reason) != reason) {
            complain("waiting to join through " + *options.join + ": " + reason);
        }
        if (!wait_before_retry()) return ConfigError{"--join: ended before the cluster answered"};
    }
}

}  // namespace gavel::daemon
