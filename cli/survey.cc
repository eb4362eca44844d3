#include "cli/survey.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/api_call.h"
#include "cli/duration.h"
#include "cli/rfc3339.h"

namespace gavel::cli {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

// No cluster has more members, nor anybody reason to give more endpoints.
constexpr std::size_t asked_max = 32;

std::uint64_t number(const json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text(const json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool flag(const json& object, const char* member, bool otherwise) {
    const auto found = object.find(member);
    return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

MemberStatus status_from(const json& document) {
    MemberStatus status{.id = number(document, "member_id"),
                        .name = text(document, "name"),
                        .role = text(document, "role"),
                        .leader = number(document, "leader_id"),
                        .ballot = number(document, "ballot"),
                        .applied = number(document, "applied"),
                        .chosen = number(document, "chosen"),
                        .epoch = number(document, "epoch"),
                        .alpha = number(document, "alpha"),
                        .cluster = text(document, "cluster_id"),
                        .version = text(document, "version"),
                        .ready = flag(document, "ready", true),
                        .sessions = number(document, "sessions"),
                        .keys = number(document, "keys"),
                        .key_bytes = number(document, "key_bytes"),
                        .waiting = number(document, "waiting"),
                        .watches = number(document, "watches"),
                        .log_bytes = number(document, "log_bytes"),
                        .log_bytes_max = number(document, "log_bytes_max"),
                        .state_bytes = number(document, "state_bytes"),
                        .state_bytes_max = number(document, "state_bytes_max"),
                        .elections = number(document, "elections"),
                        .commits = number(document, "commits"),
                        .proposals = number(document, "proposals"),
                        .reads = number(document, "reads")};
    for (const auto& alarm : document.value("alarms", json::array())) {
        if (alarm.is_string()) status.alarms.push_back(alarm.get<std::string>());
    }
    return status;
}

KnownMember member_from(const json& object) {
    KnownMember member{.id = number(object, "member_id"),
                       .name = text(object, "name"),
                       .voter = text(object, "role") == "voter",
                       .wants_vote = flag(object, "wants_vote", false),
                       .client_address = text(object, "client_address")};
    const auto lag = object.find("lag");
    if (lag != object.end() && lag->is_number_unsigned()) member.lag = number(object, "lag");
    const auto contact = parse_duration(text(object, "last_contact"));
    if (contact) member.last_contact = *contact;
    return member;
}

// The member's clock was read at some time between sending and receiving.
void compare_clocks(const json& document, system_clock::time_point sent,
                    system_clock::time_point received, Asked& asked) {
    const auto time = parse_rfc3339(text(document, "time"));
    if (!time) return;
    const auto half = (received - sent) / 2;
    asked.clock_ahead = std::chrono::duration_cast<milliseconds>(*time - (sent + half));
    asked.clock_error = std::chrono::ceil<milliseconds>(half) + milliseconds{1};
}

Asked ask(const Endpoint& endpoint, bool given, milliseconds patience, int interrupt_fd) {
    Asked asked{.url = endpoint.url(), .given = given};
    Client client({endpoint}, interrupt_fd);
    const auto get = [&](const char* target) {
        return call_json(client,
                         {.target = target, .attempt_limit = patience, .patience = patience});
    };
    const auto sent = system_clock::now();
    const auto status = get("/v1/status");
    const auto received = system_clock::now();
    if (!status || !status->is_object() || number(*status, "member_id") == 0) {
        asked.error = status ? "it is no member of a Gavel cluster" : describe(status.error());
        return asked;
    }
    asked.status = status_from(*status);
    compare_clocks(*status, sent, received, asked);
    const auto members = get("/v1/members");
    if (!members || !members->is_object()) {
        asked.error = members ? "its list of members cannot be read" : describe(members.error());
        return asked;
    }
    for (const auto& member : members->value("members", json::array())) {
        if (member.is_object()) asked.members.push_back(member_from(member));
    }
    asked.has_pending = !members->value("pending", json::array()).empty();
    return asked;
}

void ask_all(const std::vector<Endpoint>& endpoints, bool given, milliseconds patience,
             int interrupt_fd, std::vector<Asked>& into) {
    const std::size_t before = into.size();
    into.resize(before + endpoints.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        threads.emplace_back(
            [&, i] { into[before + i] = ask(endpoints[i], given, patience, interrupt_fd); });
    }
    for (auto& thread : threads) thread.join();
}

void add_new(const Endpoint& endpoint, const std::vector<Asked>& asked,
             std::vector<Endpoint>& endpoints) {
    const bool known =
        std::ranges::find(endpoints, endpoint) != endpoints.end() ||
        std::ranges::any_of(asked, [&](const Asked& a) { return a.url == endpoint.url(); });
    if (!known && asked.size() + endpoints.size() < asked_max) endpoints.push_back(endpoint);
}

}  // namespace

const Asked* Survey::best() const {
    const Asked* best = nullptr;
    const auto rank = [](const Asked& each) {
        return std::pair(each.status.role == "leader" ? each.status.ballot : 0,
                         each.status.applied);
    };
    for (const auto& each : asked) {
        if (each.answered() && (best == nullptr || rank(*best) < rank(each))) best = &each;
    }
    return best;
}

const Asked* Survey::find(std::uint64_t member) const {
    const Asked* known = best();
    const auto found = std::ranges::find_if(asked, [&](const Asked& each) {
        return each.answered() && each.status.id == member &&
               each.status.cluster == known->status.cluster;
    });
    return found == asked.end() ? nullptr : &*found;
}

Survey take_survey(const std::vector<Endpoint>& endpoints, milliseconds patience,
                   int interrupt_fd) {
    Survey survey;
    std::vector<Endpoint> given;
    for (const auto& endpoint : endpoints) add_new(endpoint, {}, given);
    ask_all(given, true, patience, interrupt_fd, survey.asked);

    std::vector<Endpoint> named;
    for (const auto& each : survey.asked) {
        for (const auto& member : each.members) {
            const auto endpoint = parse_endpoint(member.client_address);
            if (!member.client_address.empty() && endpoint) {
                add_new(*endpoint, survey.asked, named);
            }
        }
    }
    ask_all(named, false, patience, interrupt_fd, survey.asked);
    return survey;
}

}  // namespace gavel::cli
