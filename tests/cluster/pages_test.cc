#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <regex>

#include "tests/cluster/cluster.h"
#include "tests/cluster/examples.h"

namespace gavel::test {
namespace {

// Runs the examples of a page against three members, as a reader would: one after the other, with
// what goes on until it is stopped in another terminal.
class Reader {
public:
    Reader() {
        cluster_.start_all();
        cluster_.leader();
        EXPECT_TRUE(eventually([this] { return acquainted(); })) << "members do not hear of others";
        std::filesystem::create_directories(bin());
        std::filesystem::create_symlink(GAVEL_BINARY, bin() / "gavel");
        // What the examples run or read, and is the reader's own.
        script(bin() / "systemctl", "echo \"$@\" >>reloads");
        script(cluster_.folder() / "deploy.sh", "test -n \"$GAVEL_LOCK_TOKEN\"");
        std::ofstream(cluster_.folder() / "limits.json") << R"({"open":true})";
        exports_ = "export GAVEL_ENDPOINTS=" +
                   with_ports(
                       "http://127.0.0.1:7400,"
                       "http://127.0.0.1:7401,"
                       "http://127.0.0.1:7402") +
                   '\n';
    }

    void read(const std::string& page, const std::string& heading) {
        const auto all = examples(contents(std::string(SOURCE_FOLDER) + '/' + page), heading);
        ASSERT_FALSE(all.empty()) << heading;
        for (const auto& example : all) {
            SCOPED_TRACE(page + ':' + std::to_string(example.line) + ": " + example.command);
            if (example.command.starts_with("scripts/quickstart")) continue;  // Runs already.
            if (before_.contains(example.command)) before_.at(example.command)(cluster_);
            run(example);
            if (::testing::Test::HasFailure()) return;
        }
        for (auto [example, output] : running_) {
            while (example.shown.ends_with('\n')) example.shown.pop_back();
            if (!example.shown.empty()) example.shown += "…";
            EXPECT_TRUE(shows(example, output)) << example.command << contents(output + ".out");
        }
    }
    std::filesystem::path folder() const { return cluster_.folder(); }

    // The first member leads, so that it is known who does.
    void let_the_first_lead() {
        for (int tries = 0; tries < 20; ++tries) {
            const auto leader = cluster_.leader();
            if (leader == 0) return;
            cluster_.signal(leader, SIGSTOP);
            cluster_.leader({leader});
            cluster_.signal(leader, SIGCONT);
        }
        ADD_FAILURE() << "always another one leads";
    }
    // What the page's text says that happens before this command.
    void before(const std::string& command, std::function<void(Cluster&)> happens) {
        before_[command] = std::move(happens);
    }

private:
    std::filesystem::path bin() const { return cluster_.folder() / "bin"; }

    static void script(const std::filesystem::path& file, const std::string& text) {
        std::ofstream(file) << "#!/bin/sh\n" << text << '\n';
        std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    }

    // Each member has been told how far the others are: what plans of changes are made of.
    bool acquainted() const {
        for (std::size_t member = 0; member < cluster_.size(); ++member) {
            const auto answer = cluster_.client(member).call("GET", "/v1/members").json();
            for (const auto& each : answer.value("members", nlohmann::json::array())) {
                if (each.at("applied").is_null()) return false;
            }
        }
        return true;
    }

    // A page's ports are those of the members' order.
    std::string with_ports(std::string text) const {
        for (std::size_t member = 0; member < cluster_.size(); ++member) {
            const auto number = std::to_string(member);
            replace(text, "127.0.0.1:740" + number, cluster_.port(member));
            replace(text, "127.0.0.1:750" + number, cluster_.peer_port(member));
        }
        return text;
    }
    static void replace(std::string& text, const std::string& shown, int port) {
        const std::string real = "127.0.0.1:" + std::to_string(port);
        for (auto at = text.find(shown); at != std::string::npos;
             at = text.find(shown, at + real.size())) {
            text.replace(at, shown.size(), real);
        }
    }

    // What only looks may be asked again until it sees what is still on its way.
    static bool only_looks(const std::string& command) {
        if (command.starts_with("curl")) return command.find(" -X ") == std::string::npos;
        return std::regex_search(command, std::regex("^gavel (-o \\w+ )?(get|ls|locks (ls|show)|"
                                                     "session (ls|show)|member ls|status|"
                                                     "member .*--dry-run)"));
    }

    bool shows(const Example& example, const std::string& output) {
        const std::string shown = with_ports(example.shown);
        return eventually([&] { return story_.matches(shown, contents(output + ".out")); }, 5s);
    }

    void run(const Example& example) {
        const std::string command = with_ports(story_.command(example.command));
        if (command.starts_with("export ")) {
            exports_ += command + '\n';
            return;
        }
        const bool goes_on = command.starts_with("curl -N") || command.ends_with(" &") ||
                             (command.starts_with("gavel watch"));
        // Of curl only the answer; of gavel its messages, too.
        const std::string streams = command.starts_with("curl") ? "" : "exec 2>&1\n";
        const std::string shell = exports_ + "cd " + cluster_.folder().string() +
                                  "\nPATH=" + bin().string() + ":$PATH\n" + streams +
                                  (goes_on ? "exec " : "");
        const std::string output = cluster_.folder() / ("output" + std::to_string(++count_));
        const int before = going_on();
        Process process({"/bin/bash", "-c", shell + without_ampersand(command)}, output);
        if (goes_on) {
            EXPECT_TRUE(eventually([&] { return going_on() > before; })) << "does not begin";
            processes_.push_back(std::move(process));
            running_.emplace_back(example, output);
            return;
        }
        const int code = process.wait(70s);
        if (example.shown.empty()) {
            EXPECT_EQ(code, 0) << contents(output + ".out") << contents(output + ".err");
            return;
        }
        const std::string shown = with_ports(example.shown);
        EXPECT_TRUE(eventually(
            [&] {
                if (story_.matches(shown, contents(output + ".out"))) return true;
                if (!only_looks(command)) return false;
                std::filesystem::remove(output + ".out");
                Process({"/bin/bash", "-c", shell + command}, output).wait(70s);
                return false;
            },
            10s))
            << contents(output + ".out");
    }

    // Streams and waiting requests of all members, and the locks that somebody has.
    int going_on() const {
        int count = 0;
        const auto locks = cluster_.client(0).call("GET", "/v1/locks").json();
        for (const auto& lock : locks.value("locks", nlohmann::json::array())) {
            count += lock.value("held", false) ? 1 : 0;
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

    static std::string without_ampersand(const std::string& command) {
        return command.ends_with(" &") ? command.substr(0, command.size() - 2) : command;
    }

    Cluster cluster_;
    Story story_{};
    std::string exports_{};
    std::size_t count_{};
    std::vector<Process> processes_{};
    std::vector<std::pair<Example, std::string>> running_{};
    std::map<std::string, std::function<void(Cluster&)>> before_{};
};

TEST(Readme, PrintsInTwoMinutesWhatItShows) {
    Reader reader;
    reader.read("README.md", "## Two minutes");
    EXPECT_TRUE(eventually([&] { return contents(reader.folder() / "reloads") == "reload web\n"; }))
        << "the watch runs its command";
}

TEST(HttpApiPage, ShowsWhatItsCommandsPrint) {
    Reader reader;
    reader.read("docs/http-api.md", "");
}

TEST(CliPage, ShowsWhatItsCommandsPrint) {
    for (const auto* heading :
         {"## What it prints", "## `gavel lock NAME [OPTIONS] -- COMMAND…`", "## `gavel locks`",
          "## `gavel session`", "## `gavel get`, `put`, `rm`, `ls`", "## `gavel watch PREFIX`",
          "## `gavel member add`, `promote`, `demote`, `rm`, `replace`"}) {
        Reader reader;
        reader.read("docs/cli.md", heading);
    }
}

TEST(CliPage, ShowsWhatIsPrintedOfMembers) {
    Reader reader;
    reader.let_the_first_lead();
    reader.before("gavel member ls", [](Cluster& cluster) {
        auto client = cluster.client(0);
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(client.call("PUT", "/v1/config/a", "x").ok());
    });
    reader.before("gavel status", [](Cluster& cluster) {
        cluster.signal(2, SIGTERM);
        EXPECT_EQ(cluster.wait(2, 20s), 0);
    });
    reader.read("docs/cli.md", "## `gavel member ls`, `gavel status`, `gavel version`");
}

// What of a text of `forms` is shown, and what of a printed one stands in its place.
std::map<std::string, std::string> in_place_of(const std::string& shown, const std::string& printed,
                                               std::initializer_list<const char*> forms) {
    std::map<std::string, std::string> found;
    for (const auto* form : forms) {
        const std::regex regex(form);
        std::sregex_iterator one(shown.begin(), shown.end(), regex), end;
        std::sregex_iterator other(printed.begin(), printed.end(), regex);
        for (; one != end && other != end; ++one, ++other) found[(*one)[1]] = (*other)[1];
    }
    return found;
}

std::string with(const std::map<std::string, std::string>& known, const std::string& text) {
    std::string told;
    for (std::size_t at = 0; at < text.size();) {
        const auto here = std::ranges::find_if(known, [&](const auto& each) {
            return text.compare(at, each.first.size(), each.first) == 0;
        });
        told += here != known.end() ? here->second : text.substr(at, 1);
        at += here != known.end() ? here->first.size() : 1;
    }
    return told;
}

TEST(CliPage, ShowsWhatThePlaygroundPrintsAndLeavesNothingBehind) {
    const auto all = examples(contents(std::string(SOURCE_FOLDER) + "/docs/cli.md"),
                              "## `gavel playground [-n 3]`");
    ASSERT_EQ(all.size(), 2U);
    const std::string output = ::testing::TempDir() + "playground" + std::to_string(::getpid());
    const auto printed = [&] { return contents(output + ".out"); };
    const auto path = std::filesystem::path(GAVEL_BINARY).parent_path().string();
    Process playground(
        {"/bin/bash", "-c", "PATH=" + path + ":$PATH; exec 2>&1; exec " + all[0].command}, output);
    ASSERT_TRUE(eventually([&] { return printed().ends_with("^C\n"); }, 40s)) << printed();

    const auto known =
        in_place_of(all[0].shown, printed(), {R"(:(\d{5}))", R"( (\d+)\n)", R"( (/\S+))"});
    const auto folder = known.at("/tmp/gavel-playground-xK3b1c");
    EXPECT_TRUE(std::filesystem::is_directory(folder));
    EXPECT_TRUE(Story().matches(with(known, all[0].shown), printed())) << printed();
    const std::string before = printed();
    Process({"/bin/bash", "-c", with(known, all[1].command)}, output).wait(10s);
    EXPECT_TRUE(eventually([&] { return printed() == before + with(known, all[1].shown); }))
        << printed();
    Client client(std::stoi(known.at("40125")));
    EXPECT_TRUE(eventually([&] { return client.call("PUT", "/v1/config/a", "x").ok(); }))
        << "the others go on";

    playground.signal(SIGINT);
    EXPECT_EQ(playground.wait(20s), 0);
    EXPECT_FALSE(std::filesystem::exists(folder));
    for (const auto* pid : {"4711", "4712", "4713"}) {
        EXPECT_NE(::kill(std::stoi(known.at(pid)), 0), 0) << pid << " of the page still runs";
    }
    for (const auto* end : {".out", ".err"}) std::filesystem::remove(output + end);
}

}  // namespace
}  // namespace gavel::test
