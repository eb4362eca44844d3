#include "cli/playground.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "cli/api_call.h"
#include "cli/child.h"
#include "cli/exit_code.h"
#include "cli/render.h"
#include "cli/signals.h"

namespace gavel::cli {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds ready_limit{30000};
constexpr milliseconds stop_limit{10000};
constexpr milliseconds look_again{50};

// Ports that nobody used when they were chosen. All are held until the last is found, so that they
// differ.
std::vector<int> free_ports(std::size_t count) {
    std::vector<int> sockets;
    std::vector<int> ports;
    while (ports.size() < count) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockets.push_back(fd);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(fd, generic, length) != 0 || ::getsockname(fd, generic, &length) != 0) break;
        ports.push_back(ntohs(address.sin_port));
    }
    for (const int fd : sockets) ::close(fd);
    return ports;
}

std::string last_line(const fs::path& file) {
    std::ifstream in(file);
    std::string last;
    for (std::string line; std::getline(in, line);) {
        if (!line.empty()) last = line;
    }
    return last;
}

// A directory that goes when this goes.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = (fs::temp_directory_path() / "gavel-playground-XXXXXX").string();
        if (::mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const fs::path& path() const { return path_; }

private:
    fs::path path_{};
};

struct Member {
    std::string name{};
    Endpoint endpoint{};
    std::string peer_address{};
    fs::path log{};
    std::optional<Child> process{};
};

class Playground {
public:
    Playground(const Context& context, fs::path gaveld)
        : context_(context), gaveld_(std::move(gaveld)) {}
    ~Playground() { stop(); }
    Playground(const Playground&) = delete;
    Playground& operator=(const Playground&) = delete;

    int run(int count) {
        if (directory_.path().empty() || !choose(count)) {
            return context_.fail(std::string("cannot make room for a cluster: ") +
                                 ::strerror(errno));
        }
        for (auto& member : members_) {
            if (const int code = start(member)) return code;
        }
        if (const auto code = wait_until_ready()) return *code;
        announce();
        return stay();
    }

private:
    bool choose(int count) {
        const auto members = static_cast<std::size_t>(count);
        const auto ports = free_ports(2 * members);
        if (ports.size() < 2 * members) return false;
        for (std::size_t i = 0; i < members; ++i) {
            const std::string name = "n" + std::to_string(i + 1);
            members_.push_back(
                {.name = name,
                 .endpoint = {.host = "127.0.0.1", .port = std::to_string(ports[2 * i])},
                 .peer_address = "127.0.0.1:" + std::to_string(ports[2 * i + 1]),
                 .log = directory_.path() / (name + ".log")});
        }
        return true;
    }

    int start(Member& member) {
        std::string cluster;
        for (const auto& one : members_) {
            cluster += (cluster.empty() ? "" : ",") + one.name + "=" + one.peer_address;
        }
        const auto child = Child::start(
            {.command = {gaveld_.string(), "--name", member.name, "--data-dir",
                         directory_.path() / member.name, "--listen", member.endpoint.authority(),
                         "--peer-listen", member.peer_address, "--initial-cluster", cluster},
             .signal_mask = signals_.mask_before(),
             .signal_when_parent_dies = SIGTERM,
             .output_file = member.log});
        if (!child) {
            context_.fail("cannot run " + gaveld_.string() + ": " +
                          ::strerror(child.error().error));
            return child.error().exit_code();
        }
        member.process = *child;
        return 0;
    }

    // Nothing: all are ready and follow a leader.
    std::optional<int> wait_until_ready() {
        const auto deadline = Clock::now() + ready_limit;
        for (auto& member : members_) {
            while (!is_ready(member)) {
                if (const auto signal = next_signal(look_again)) return exit_by_signal(*signal);
                if (!report_ended()) return exit_error;
                if (Clock::now() > deadline) {
                    return context_.fail(member.name + " did not get ready; its last words: " +
                                         last_line(member.log));
                }
            }
        }
        return std::nullopt;
    }

    static bool is_ready(const Member& member) {
        Client client({member.endpoint});
        const milliseconds limit{1000};
        if (!client.attempt({.target = "/readyz", .attempt_limit = limit})) return false;
        const auto answer = client.attempt({.target = "/v1/status", .attempt_limit = limit});
        if (!answer) return false;
        const auto status = nlohmann::json::parse(answer->body, nullptr, false);
        const std::string leader = text_of(status, "leader_id");
        return !leader.empty() && leader != "0" && leader != "none";
    }

    void announce() const {
        Table table({"MEMBER", "ENDPOINT", "PID"});
        std::string endpoints;
        for (const auto& member : members_) {
            table.add({member.name, member.endpoint.url(), std::to_string(member.process->pid())});
            endpoints += (endpoints.empty() ? "" : ",") + member.endpoint.url();
        }
        table.print(context_.out, context_.color);
        context_.out << "\nexport GAVEL_ENDPOINTS=" << endpoints << std::endl;
        context_.say("data and logs are in " + directory_.path().string() +
                     " and go with this process; stop it with ^C");
    }

    // Until a signal comes, or nobody is left.
    int stay() {
        for (;;) {
            if (next_signal(milliseconds{-1})) return exit_success;
            report_ended();
            const bool any = std::any_of(members_.begin(), members_.end(), [](const auto& member) {
                return member.process.has_value();
            });
            if (!any) {
                return context_.fail("no member is left");
            }
        }
    }

    // The next signal that asks us to stop, if it comes in time; ends early when a child ended.
    std::optional<int> next_signal(milliseconds limit) {
        pollfd source{.fd = signals_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&source, 1, static_cast<int>(limit.count()));
        while (const auto signal = signals_.take()) {
            if (*signal != SIGCHLD) return signal;
        }
        return std::nullopt;
    }

    // Says which members have ended since it was last asked; true when none has.
    bool report_ended() {
        bool none = true;
        for (auto& member : members_) {
            const auto code = member.process ? member.process->poll() : std::nullopt;
            if (!code) continue;
            none = false;
            const std::string who =
                member.name + " (pid " + std::to_string(member.process->pid()) + ")";
            if (*code > 128) {
                context_.fail(who + " was ended by signal " + std::to_string(*code - 128));
            } else {
                context_.fail(who + " exited with " + std::to_string(*code) +
                              "; its last words: " + last_line(member.log));
            }
            member.process.reset();
        }
        return none;
    }

    void stop() {
        for (auto& member : members_) {
            if (member.process) member.process->signal(SIGTERM);
        }
        const auto deadline = Clock::now() + stop_limit;
        for (auto& member : members_) {
            while (member.process && !member.process->poll()) {
                if (Clock::now() > deadline) {
                    member.process->signal(SIGKILL);
                    member.process->wait();
                } else {
                    ::poll(nullptr, 0, static_cast<int>(look_again.count()));
                }
            }
        }
    }

    const Context& context_;
    const fs::path gaveld_;
    TemporaryDirectory directory_{};
    SignalQueue signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};
    std::vector<Member> members_{};
};

}  // namespace

fs::path find_gaveld() {
    std::error_code error;
    std::vector<fs::path> folders{fs::read_symlink("/proc/self/exe", error).parent_path()};
    const char* path = ::getenv("PATH");
    std::string rest = path == nullptr ? "" : path;
    while (!rest.empty()) {
        const auto colon = std::min(rest.find(':'), rest.size());
        folders.emplace_back(rest.substr(0, colon));
        rest.erase(0, colon + 1);
    }
    for (const auto& folder : folders) {
        const fs::path candidate = folder / "gaveld";
        if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return {};
}

int run_playground(const Context& context, const fs::path& gaveld, int members) {
    return Playground(context, gaveld).run(members);
}

}  // namespace gavel::cli
