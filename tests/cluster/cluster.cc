#include "tests/cluster/cluster.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>

#include <algorithm>

#include "cli/sse.h"

namespace gavel::test {

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        ::poll(nullptr, 0, 20);
    }
    return true;
}

Answer Client::call(const std::string& method, const std::string& target, const std::string& body,
                    std::vector<std::pair<std::string, std::string>> headers,
                    std::chrono::milliseconds time_limit) {
    auto response = http_.send(endpoint_, {.method = method,
                                           .target = target,
                                           .headers = std::move(headers),
                                           .body = body,
                                           .time_limit = time_limit});
    if (!response) return {};
    return {response->status, response->headers, response->body};
}

void Client::watch(const std::string& target,
                   std::vector<std::pair<std::string, std::string>> headers,
                   const std::function<bool(const std::map<std::string, std::string>&)>& on_event,
                   std::chrono::milliseconds quiet_limit) {
    headers.emplace_back("Accept", "text/event-stream");
    std::string buffer;
    (void)http_.stream(
        endpoint_, {.target = target, .headers = std::move(headers), .time_limit = quiet_limit},
        [&](std::string_view piece) {
            buffer += piece;
            for (std::size_t end = 0; (end = buffer.find("\n\n")) != std::string::npos;) {
                std::map<std::string, std::string> event;
                std::size_t at = 0;
                while (at < end) {
                    const std::size_t eol = std::min(buffer.find('\n', at), end);
                    const std::string line = buffer.substr(at, eol - at);
                    const std::size_t colon = line.find(": ");
                    if (colon != std::string::npos && colon > 0) {
                        event[line.substr(0, colon)] = line.substr(colon + 2);
                    }
                    at = eol + 1;
                }
                buffer.erase(0, end + 2);
                if (!event.empty() && !on_event(event)) return false;
            }
            return true;
        });
}

Cluster::Cluster(std::size_t members, std::vector<std::string> further_options)
    : further_options_(std::move(further_options)) {
    std::filesystem::create_directories(CLUSTER_DATA);
    std::string pattern = std::string(CLUSTER_DATA) + "/XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for the data");
    folder_ = pattern;
    members_.resize(members);
    for (std::size_t i = 0; i < members; ++i) {
        members_[i].name = "n" + std::to_string(i + 1);
        members_[i].port = free_port();
        members_[i].peer_port = free_port();
        initial_cluster_ += (i == 0 ? "" : ",") + members_[i].name +
                            "=127.0.0.1:" + std::to_string(members_[i].peer_port);
    }
}

Cluster::~Cluster() {
    for (auto& member : members_) member.process.kill();
    if (::testing::Test::HasFailure()) {
        // What the members had to say is worth more than a clean disk now.
        for (std::size_t i = 0; i < members_.size(); ++i) {
            std::fprintf(stderr, "---- log of %s\n%s", members_[i].name.c_str(), log(i).c_str());
        }
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::vector<std::string> Cluster::arguments(std::size_t member) const {
    const auto& self = members_.at(member);
    std::vector<std::string> all{GAVELD_BINARY, "--name=" + self.name,
                                 "--data-dir=" + (folder_ / self.name).string(),
                                 "--listen=127.0.0.1:" + std::to_string(self.port),
                                 "--peer-listen=127.0.0.1:" + std::to_string(self.peer_port)};
    if (self.joins.empty()) all.push_back("--initial-cluster=" + initial_cluster_);
    all.insert(all.end(), self.joins.begin(), self.joins.end());
    all.insert(all.end(), further_options_.begin(), further_options_.end());
    return all;
}

void Cluster::start(std::size_t member) {
    members_.at(member).process =
        Process(arguments(member), (folder_ / members_.at(member).name).string() + ".log");
}

void Cluster::start_all() {
    for (std::size_t i = 0; i < size(); ++i) start(i);
}

std::size_t Cluster::prepare_to_join(std::size_t through, const std::string& as) {
    Member newcomer;
    newcomer.name = "n" + std::to_string(size() + 1);
    newcomer.port = free_port();
    newcomer.peer_port = free_port();
    newcomer.joins = {"--join=http://127.0.0.1:" + std::to_string(port(through)),
                      "--join-as=" + as};
    members_.push_back(std::move(newcomer));
    return size() - 1;
}

std::size_t Cluster::join(std::size_t through, const std::string& as) {
    const std::size_t index = prepare_to_join(through, as);
    start(index);
    return index;
}

int Cluster::run_instead(std::size_t member, std::vector<std::string> command) {
    const auto own = arguments(member);
    command.insert(command.end(), own.begin(), own.end());
    Process process(command, (folder_ / members_.at(member).name).string() + ".log");
    return process.wait(20s);
}

std::string Cluster::log(std::size_t member) const {
    return contents((folder_ / members_.at(member).name).string() + ".log.err");
}

std::size_t Cluster::leader(std::vector<std::size_t> without) {
    std::size_t found = 0;
    const bool agreed = eventually([&] {
        int leader_id = 0;
        for (std::size_t i = 0; i < size(); ++i) {
            if (!running(i) || std::count(without.begin(), without.end(), i) > 0) continue;
            const auto status = client(i).call("GET", "/v1/status", "", {}, 2s).json();
            if (!status.is_object()) return false;
            const int believed = status.value("leader_id", 0);
            if (believed == 0 || (leader_id != 0 && believed != leader_id)) return false;
            leader_id = believed;
        }
        if (leader_id == 0) return false;
        found = static_cast<std::size_t>(leader_id) - 1;
        if (!running(found) || std::count(without.begin(), without.end(), found) > 0) return false;
        const auto status = client(found).call("GET", "/v1/status", "", {}, 2s).json();
        return status.is_object() && status.value("role", "") == "leader";
    });
    EXPECT_TRUE(agreed) << "no leader";
    return found;
}

std::size_t Cluster::follower() { return (leader() + 1) % size(); }

std::string open_session(Client& client, const std::string& ttl) {
    const auto answer =
        client.call("POST", "/v1/sessions", nlohmann::json{{"name", "test"}, {"ttl", ttl}}.dump(),
                    {{"Content-Type", "application/json"}});
    EXPECT_EQ(answer.status, 201) << answer.body;
    return answer.status == 201 ? answer.json().value("id", "") : "";
}

std::string acquire_body(const std::string& session) {
    return nlohmann::json{{"session", session}}.dump();
}

}  // namespace gavel::test
