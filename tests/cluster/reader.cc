#include "tests/cluster/reader.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <regex>

namespace gavel::test {
namespace {

void script(const std::filesystem::path& file, const std::string& text) {
    std::ofstream(file) << "#!/bin/sh\n" << text << '\n';
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
}

void replace(std::string& text, const std::string& shown, int port) {
    const std::string real = "127.0.0.1:" + std::to_string(port);
    for (auto at = text.find(shown); at != std::string::npos;
         at = text.find(shown, at + real.size())) {
        text.replace(at, shown.size(), real);
    }
}

// What only looks may be asked again until it sees what is still on its way.
bool only_looks(const std::string& command) {
    if (command.starts_with("curl")) return command.find(" -X ") == std::string::npos;
    return std::regex_search(command, std::regex("^gavel (-o \\w+ )?(get|ls|locks (ls|show)|"
                                                 "session (ls|show)|member ls|status|"
                                                 "doctor|top|"
                                                 "member .*--dry-run)"));
}

// Those that end only when they are stopped, or when somebody else does something.
bool goes_on(const std::string& command) {
    return command.starts_with("curl -N") || command.ends_with(" &") ||
           command.starts_with("gavel watch");
}

// A member that is started serves before there is a leader.
bool is_member(const std::string& command) {
    return command.starts_with("gaveld ") && goes_on(command);
}
int port_of(const std::string& command) {
    std::smatch found;
    const bool has =
        std::regex_search(command, found, std::regex("--listen 127\\.0\\.0\\.1:(\\d+)"));
    EXPECT_TRUE(has) << "the test has to know where it listens: " << command;
    return has ? std::stoi(found[1]) : 0;
}

// What it prints is compared as it is, with how the command before it ended.
constexpr std::string_view asks_for_the_code = "echo $?";

std::string without_ampersand(const std::string& command) {
    return command.ends_with(" &") ? command.substr(0, command.size() - 2) : command;
}

}  // namespace

Reader::Reader(Members members) {
    if (members == Members::run) {
        cluster_.start_all();
        cluster_.leader();
        EXPECT_TRUE(eventually([this] { return acquainted(); })) << "members do not hear of others";
    }
    std::filesystem::create_directories(bin());
    std::filesystem::create_symlink(GAVEL_BINARY, bin() / "gavel");
    std::filesystem::create_symlink(GAVELD_BINARY, bin() / "gaveld");
    // What the examples run or read, and is the reader's own.
    script(bin() / "systemctl", "echo \"$@\" >>reloads");
    script(folder() / "deploy.sh", "test -n \"$GAVEL_LOCK_TOKEN\"");
    script(folder() / "restart.sh", "test -n \"$GAVEL_LOCK_TOKEN\"");
    std::ofstream(folder() / "limits.json") << R"({"open":true})";
    exports_ = "export GAVEL_AUTHOR=ann@desk\nexport GAVEL_ENDPOINTS=" +
               with_ports(
                   "http://127.0.0.1:7400,"
                   "http://127.0.0.1:7401,"
                   "http://127.0.0.1:7402") +
               '\n';
}

void Reader::read(const std::string& page, const std::string& heading) {
    const auto all = examples(contents(std::string(SOURCE_FOLDER) + '/' + page), heading);
    ASSERT_FALSE(all.empty()) << heading;
    for (auto example = all.begin(); example != all.end(); ++example) {
        SCOPED_TRACE(page + ':' + std::to_string(example->line) + ": " + example->command);
        if (example->command.starts_with("scripts/quickstart")) continue;  // Runs already.
        if (before_.contains(example->command)) before_.at(example->command)(cluster_);
        const auto next = std::next(example);
        const bool says = next != all.end() && next->command == asks_for_the_code;
        EXPECT_FALSE(says && goes_on(example->command)) << "has not ended";
        run(*example, says ? next->shown : "0\n");
        if (::testing::Test::HasFailure()) return;
        if (says) ++example;
    }
    for (auto [example, output] : running_) {
        while (example.shown.ends_with('\n')) example.shown.pop_back();
        if (!example.shown.empty()) example.shown += "…";
        EXPECT_TRUE(shows(example, output)) << example.command << contents(output + ".out");
    }
}

void Reader::let_the_first_lead() {
    for (int tries = 0; tries < 20; ++tries) {
        const auto leader = cluster_.leader();
        if (leader == 0) return;
        cluster_.signal(leader, SIGSTOP);
        cluster_.leader({leader});
        cluster_.signal(leader, SIGCONT);
    }
    ADD_FAILURE() << "always another one leads";
}

void Reader::let_a_fourth_vote() {
    cluster_.join(0);
    const auto votes = [this] {
        const auto answer = cluster_.client(0).call("GET", "/v1/members/4").json();
        return answer.is_object() && answer.value("role", "") == "voter";
    };
    EXPECT_TRUE(eventually([&] { return votes() && acquainted(); }));
}

// Each member has been told how far the others are: what plans of changes are made of.
bool Reader::acquainted() const {
    for (std::size_t member = 0; member < cluster_.size(); ++member) {
        const auto answer = cluster_.client(member).call("GET", "/v1/members").json();
        for (const auto& each : answer.value("members", nlohmann::json::array())) {
            if (each.at("applied").is_null()) return false;
        }
    }
    return true;
}

// A page's ports are those of the members' order.
std::string Reader::with_ports(std::string text) const {
    for (std::size_t member = 0; member < cluster_.size(); ++member) {
        const auto number = std::to_string(member);
        replace(text, "127.0.0.1:740" + number, cluster_.port(member));
        replace(text, "127.0.0.1:750" + number, cluster_.peer_port(member));
    }
    replace(text, "127.0.0.1:7403", further_port_);
    replace(text, "127.0.0.1:7503", further_peer_port_);
    return text;
}

bool Reader::shows(const Example& example, const std::string& output) {
    const std::string shown = with_ports(example.shown);
    return eventually([&] { return story_.matches(shown, contents(output + ".out")); }, 5s);
}

void Reader::run(const Example& example, const std::string& shown_code) {
    const std::string command = with_ports(story_.command(example.command));
    if (command.starts_with("export ")) {
        exports_ += command + '\n';
        return;
    }
    const bool background = goes_on(command);
    // Of curl only the answer; of gavel its messages, too.
    const std::string streams = command.starts_with("curl") ? "" : "exec 2>&1\n";
    const std::string shell = exports_ + "cd " + folder().string() + "\nPATH=" + bin().string() +
                              ":$PATH\n" + streams + (background ? "exec " : "");
    const std::string output = folder() / ("output" + std::to_string(++count_));
    const bool member = is_member(command);
    const int before = background && !member ? going_on() : 0;
    Process process({"/bin/bash", "-c", shell + without_ampersand(command)}, output);
    if (background) {
        EXPECT_TRUE(eventually([&] {
            if (!member) return going_on() > before;
            return Client(port_of(command)).call("GET", "/livez").status == 200;
        })) << "does not begin";
        processes_.push_back(std::move(process));
        running_.emplace_back(example, output);
        return;
    }
    int code = process.wait(70s);
    const std::string shown = with_ports(example.shown);
    const auto as_shown = [&] {
        return std::to_string(code) + '\n' == shown_code &&
               (shown.empty() || story_.matches(shown, contents(output + ".out")));
    };
    EXPECT_TRUE(eventually(
        [&] {
            if (as_shown()) return true;
            if (!only_looks(command)) return false;
            std::filesystem::remove(output + ".out");
            code = Process({"/bin/bash", "-c", shell + command}, output).wait(70s);
            return false;
        },
        10s))
        << "ended with " << code << ", by the page " << shown_code << contents(output + ".out")
        << contents(output + ".err");
}

// Streams and waiting requests of all members, and those who have locks.
int Reader::going_on() const {
    int count = 0;
    for (std::size_t member = 0; member < cluster_.size(); ++member) {
        const auto locks = cluster_.client(member).call("GET", "/v1/locks").json();
        if (!locks.is_object()) continue;  // One that the page has killed.
        for (const auto& lock : locks.value("locks", nlohmann::json::array())) {
            count += lock.value("holder_count", lock.value("held", false) ? 1 : 0);
        }
        break;
    }
    for (std::size_t member = 0; member < cluster_.size(); ++member) {
        const std::string page = cluster_.client(member).call("GET", "/metrics").body;
        for (const std::string name : {"\ngavel_http_watches ", "\ngavel_http_waiting "}) {
            const auto at = page.find(name);
            if (at != std::string::npos) count += std::stoi(page.substr(at + name.size()));
        }
    }
    return count;
}

}  // namespace gavel::test
