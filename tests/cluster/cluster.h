#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/http_client.h"
#include "tests/cluster/process.h"

namespace gavel::test {

using namespace std::chrono_literals;

// True once `condition` is, within the time; it is asked again and again.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience = 15s);

struct Answer {
    int status = 0;  // 0: no answer.
    std::map<std::string, std::string> headers{};
    std::string body{};

    nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
    bool ok() const { return status >= 200 && status < 300; }
};

// One client of one member: a connection that is kept. Used by one thread.
class Client {
public:
    explicit Client(int port) : endpoint_{"127.0.0.1", std::to_string(port)} {}

    Answer call(const std::string& method, const std::string& target, const std::string& body = "",
                std::vector<std::pair<std::string, std::string>> headers = {},
                std::chrono::milliseconds time_limit = 15s);
    // Hands on each server-sent event's text until `on_event` returns false or the stream ends.
    void watch(const std::string& target, std::vector<std::pair<std::string, std::string>> headers,
               const std::function<bool(const std::map<std::string, std::string>&)>& on_event,
               std::chrono::milliseconds quiet_limit = 20s);

private:
    cli::Endpoint endpoint_;
    cli::HttpClient http_;
};

// Real gaveld processes on loopback, with their data on the disk that holds the build.
class Cluster {
public:
    explicit Cluster(std::size_t members = 3, std::vector<std::string> further_options = {});
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    std::size_t size() const { return members_.size(); }
    void start(std::size_t member);
    void start_all();
    // One more member, with an empty directory, that joins through another; gives its index.
    std::size_t join(std::size_t through, const std::string& as = "voter");
    // The same, not started yet.
    std::size_t prepare_to_join(std::size_t through, const std::string& as = "voter");
    // Runs a command instead of the member, which is given its command line; waits for its end.
    int run_instead(std::size_t member, std::vector<std::string> command);
    void kill(std::size_t member) { members_.at(member).process.kill(); }
    void signal(std::size_t member, int number) { members_.at(member).process.signal(number); }
    void freeze(std::size_t member) const { members_.at(member).process.freeze(); }
    int wait(std::size_t member, std::chrono::milliseconds patience) {
        return members_.at(member).process.wait(patience);
    }
    bool running(std::size_t member) const { return members_.at(member).process.running(); }

    Client client(std::size_t member) const { return Client(members_.at(member).port); }
    int port(std::size_t member) const { return members_.at(member).port; }
    int peer_port(std::size_t member) const { return members_.at(member).peer_port; }
    std::vector<std::string> arguments(std::size_t member) const;
    std::filesystem::path folder() const { return folder_; }
    std::string log(std::size_t member) const;

    // Waits until one of the running members leads and the others (but those in `without`) follow
    // it.
    std::size_t leader(std::vector<std::size_t> without = {});
    std::size_t follower();

private:
    struct Member {
        std::string name{};
        int port = 0;
        int peer_port = 0;
        std::vector<std::string> joins{};  // The options that make it join; none: a founder.
        Process process{};
    };

    std::filesystem::path folder_;
    std::vector<Member> members_;
    std::string initial_cluster_;
    std::vector<std::string> further_options_;
};

// A session made through the client; empty when that failed.
std::string open_session(Client& client, const std::string& ttl = "60s");
std::string acquire_body(const std::string& session);

}  // namespace gavel::test
