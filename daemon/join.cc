#include "daemon/join.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
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

fs::path registration_in(const fs::path& folder) { return folder / ".joining"; }

ConfigError failed(const fs::path& file, const std::string& to_what) {
    return {file.string() + ": cannot be " + to_what + ": " +
            std::generic_category().message(errno)};
}

Result<void, ConfigError> write_durably(const fs::path& file, const std::string& text) {
    const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (opened < 0) return failed(file, "made");
    const bool whole = ::write(opened, text.data(), text.size()) == std::ssize(text);
    const bool durable = whole && ::fsync(opened) == 0;
    const auto error = failed(file, "written");
    ::close(opened);
    if (!durable) return error;
    return {};
}

// The incarnation that this directory is to have: kept from an earlier try, or drawn now.
Result<std::uint64_t, ConfigError> incarnation_for(const fs::path& folder) {
    if (const auto unfit = persistence::unfit_for_new_member(folder)) {
        return ConfigError{unfit->what};
    }
    if (std::ifstream kept(registration_in(folder)); kept) {
        std::uint64_t number = 0;
        if (kept >> std::hex >> number && number != 0) return number;
    }
    if (const auto error = persistence::make_folder(folder)) return ConfigError{error->what};
    const std::uint64_t number = random_number() | 1;
    if (auto written = write_durably(registration_in(folder), hex(number) + '\n'); !written) {
        return written.error();
    }
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
    for (const char* field : {"detail", "title"}) {
        const auto text = problem.find(field);
        if (problem.is_object() && text != problem.end() && text->is_string()) {
            return text->get<std::string>();
        }
    }
    return "HTTP " + std::to_string(response.status);
}

ConfigError no_answer_of_ours() {
    return {"the answer is not one of a gaveld that knows how to be joined"};
}

std::uint64_t number_in(const json& object, const char* field, std::uint64_t max) {
    const json& number = object.at(field);
    if (!number.is_number_unsigned() || number.get<std::uint64_t>() - 1 >= max) {
        throw std::out_of_range(field);
    }
    return number.get<std::uint64_t>();
}

paxos::MemberId member_in(const json& object) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint16_t>::max();
    return {static_cast<std::uint16_t>(number_in(object, "member_id", most))};
}

Result<persistence::Identity, ConfigError> identity_from(const std::string& body,
                                                         persistence::Identity identity) {
    try {
        const json told = json::parse(body);
        identity.member = member_in(told).number;
        identity.name = told.at("name").get<std::string>();
        identity.cluster_id = told.at("cluster_id").get<std::string>();
        identity.alpha = number_in(told, "alpha", alpha_max);
        identity.initial_cluster = told.at("initial_cluster").get<std::string>();
        const auto level = number_in(told, "format_level", std::uint64_t{1} << 32);
        if (level != identity.format_level) {
            return ConfigError{"the cluster is at format level " + std::to_string(level) +
                               ", this gaveld knows level " +
                               std::to_string(identity.format_level)};
        }
        std::map<paxos::MemberId, Address> contacts;
        for (const auto& member : told.at("members")) {
            const paxos::MemberId id = member_in(member);
            const auto address = parse_address(member.at("peer_address").get<std::string>());
            if (address && id.number != identity.member) contacts[id] = *address;
        }
        identity.contacts = contacts_text(contacts);
    } catch (const json::exception&) {
        return no_answer_of_ours();
    } catch (const std::out_of_range&) {
        return no_answer_of_ours();
    }
    if (identity.contacts.empty() || parse_initial_cluster(identity.initial_cluster).has_error()) {
        return no_answer_of_ours();
    }
    return identity;
}

// A 4xx is the cluster's word, but for "too many requests".
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

bool is_joining(const fs::path& folder) {
    std::error_code ignored;
    return fs::exists(registration_in(folder), ignored);
}

Result<void, ConfigError> forget_registration(const fs::path& folder) {
    if (!is_joining(folder)) return {};
    if (::unlink(registration_in(folder).c_str()) != 0) {
        return failed(registration_in(folder), "removed");
    }
    if (const auto error = persistence::sync_folder(folder)) return ConfigError{error->what};
    return {};
}

}  // namespace gavel::daemon
