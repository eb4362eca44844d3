#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

using testing::HasSubstr;

// Runs gaveld with these arguments, which must make it end by itself.
struct Refusal {
    int code = 0;
    std::string text{};
    std::ptrdiff_t lines = 0;
};
Refusal refused(const Cluster& cluster, std::vector<std::string> arguments) {
    const std::string output = (cluster.folder() / "refused").string();
    std::filesystem::remove(output + ".err");
    Process process(arguments, output);
    Refusal refusal{process.wait(20s), contents(output + ".err")};
    refusal.lines = std::count(refusal.text.begin(), refusal.text.end(), '\n');
    return refusal;
}

void expect_one_line(const Refusal& refusal, const std::string& part) {
    EXPECT_GT(refusal.code, 0);
    EXPECT_LT(refusal.code, 128) << "ended by a signal";
    EXPECT_EQ(refusal.lines, 1) << refusal.text;
    EXPECT_THAT(refusal.text, HasSubstr(part));
}

std::vector<std::string> with(std::vector<std::string> arguments, const std::string& option,
                              const std::string& value) {
    for (auto& argument : arguments) {
        if (argument.starts_with(option + "=")) argument = option + "=" + value;
    }
    return arguments;
}

TEST(Startup, SaysThatAPortIsTaken) {
    Cluster cluster(1);
    cluster.start_all();
    cluster.leader();

    const auto arguments =
        with(with(cluster.arguments(0), "--data-dir", cluster.folder() / "other"), "--peer-listen",
             "127.0.0.1:" + std::to_string(free_port()));
    expect_one_line(refused(cluster, arguments), std::to_string(cluster.port(0)));
}

TEST(Startup, SaysThatADirectoryIsInUse) {
    Cluster cluster(1);
    cluster.start_all();
    cluster.leader();

    const auto free_address = [] { return "127.0.0.1:" + std::to_string(free_port()); };
    const auto arguments = with(with(cluster.arguments(0), "--listen", free_address()),
                                "--peer-listen", free_address());
    expect_one_line(refused(cluster, arguments), "n1");
    EXPECT_TRUE(cluster.client(0).call("PUT", "/v1/config/a", "1").ok()) << "the first lives on";
}

TEST(Startup, RefusesADirectoryOfAnotherCluster) {
    Cluster cluster(1);
    cluster.start_all();
    cluster.leader();
    cluster.signal(0, SIGTERM);
    ASSERT_EQ(cluster.wait(0, 10s), 0);

    const auto arguments = with(cluster.arguments(0), "--initial-cluster",
                                "n1=127.0.0.1:" + std::to_string(free_port()));
    expect_one_line(refused(cluster, arguments), "cluster");

    cluster.start(0);
    cluster.leader();
}

TEST(Startup, RefusesADirectoryItCannotWriteTo) {
    if (::geteuid() == 0) {
        // The superuser may write anywhere, but not below a file.
        Cluster cluster(1);
        const auto arguments = with(cluster.arguments(0), "--data-dir", "/dev/null/gavel");
        expect_one_line(refused(cluster, arguments), "/dev/null/gavel");
        return;
    }
    Cluster cluster(1);
    const auto arguments = with(cluster.arguments(0), "--data-dir", "/proc/gavel");
    expect_one_line(refused(cluster, arguments), "/proc/gavel");
}

TEST(Startup, RefusesAnUnknownOption) {
    Cluster cluster(1);
    auto arguments = cluster.arguments(0);
    arguments.emplace_back("--no-such-option");
    const Refusal refusal = refused(cluster, arguments);
    expect_one_line(refusal, "no-such-option");
    EXPECT_EQ(refusal.code, 2);
}

TEST(Startup, SaysInOneLineWhatIsWrongWhateverItWasGiven) {
    Cluster cluster(1);
    auto arguments = cluster.arguments(0);
    arguments.emplace_back("--cluster-token=a");
    expect_one_line(refused(cluster, with(arguments, "--name", "n\n1")), "'n\\n1'");
    expect_one_line(refused(cluster, with(arguments, "--data-dir", "/dev/null/a\nb")), "a\\nb");
    arguments.emplace_back("--no\nsuch");
    expect_one_line(refused(cluster, arguments), "--no\\nsuch");
    EXPECT_FALSE(std::filesystem::exists(cluster.folder() / "n1")) << "nothing was made";
}

TEST(Startup, EndsInOneLineWhenPagesAreDamaged) {
    Cluster cluster(1);
    cluster.start_all();
    cluster.leader();
    ASSERT_TRUE(cluster.client(0).call("PUT", "/v1/config/a", "1").ok());
    cluster.signal(0, SIGTERM);
    ASSERT_EQ(cluster.wait(0, 10s), 0);

    // The first two pages tell where all others are.
    const auto file = cluster.folder() / "n1/state/data.mdb";
    const auto size = std::filesystem::file_size(file);
    std::filesystem::resize_file(file, 2 * 4'096);
    std::ofstream(file, std::ios::app) << std::string(size - 2 * 4'096, '\xFF');

    expect_one_line(refused(cluster, cluster.arguments(0)), "remove this member");
}

TEST(Startup, RefusesAMemberWhoseDirectoryWasWiped) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t wiped = cluster.follower();
    auto client = cluster.client(cluster.leader());
    ASSERT_EQ(client.call("PUT", "/v1/config/a", "1").status, 201);
    cluster.kill(wiped);
    std::filesystem::remove_all(cluster.folder() / ("n" + std::to_string(wiped + 1)));

    cluster.start(wiped);

    auto at_wiped = cluster.client(wiped);
    EXPECT_TRUE(eventually([&] { return at_wiped.call("GET", "/livez").status == 200; }));
    EXPECT_TRUE(
        eventually([&] { return cluster.log(wiped).find("join anew") != std::string::npos; }));
    EXPECT_EQ(at_wiped.call("GET", "/readyz").status, 503);
    EXPECT_TRUE(client.call("PUT", "/v1/config/a", "2").ok()) << "the others go on";
}

TEST(Startup, DoesNotBeginAnewWhenAMajorityLostTheirDirectories) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    ASSERT_EQ(client.call("PUT", "/v1/config/a", "1").status, 201);
    std::array<std::size_t, 3> said{};
    for (std::size_t i = 0; i < 3; ++i) {
        cluster.kill(i);
        said[i] = cluster.log(i).size();
    }
    const auto says = [&](std::size_t member, const char* what) {
        return cluster.log(member).find(what, said[member]) != std::string::npos;
    };
    for (const char* name : {"n2", "n3"}) {
        std::filesystem::remove_all(cluster.folder() / name);
    }

    // The two that forgot everything find each other first, and are a majority.
    cluster.start(1);
    cluster.start(2);
    for (const std::size_t wiped : {1U, 2U}) {
        EXPECT_TRUE(eventually([&] { return says(wiped, "connected to member"); }));
    }
    cluster.start(0);

    for (const std::size_t wiped : {1U, 2U}) {
        EXPECT_TRUE(eventually([&] { return says(wiped, "join anew"); })) << cluster.log(wiped);
        EXPECT_FALSE(says(wiped, "met every initial member"));
    }
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(cluster.client(i).call("GET", "/readyz").status, 503);
        EXPECT_EQ(cluster.client(i).call("GET", "/v1/status").json()["leader_id"], 0);
    }
}

TEST(Startup, NeedsOnlyItsDirectoryTheNextTime) {
    Cluster cluster(1);
    cluster.start_all();
    cluster.leader();
    ASSERT_EQ(cluster.client(0).call("PUT", "/v1/config/a", "1").status, 201);
    cluster.signal(0, SIGTERM);
    ASSERT_EQ(cluster.wait(0, 10s), 0);

    auto arguments = cluster.arguments(0);
    std::erase_if(arguments, [](const std::string& argument) {
        return argument.starts_with("--name") || argument.starts_with("--initial-cluster");
    });
    const Process again(arguments, (cluster.folder() / "again").string());
    auto client = cluster.client(0);

    EXPECT_TRUE(eventually([&] { return client.call("GET", "/v1/config/a").body == "1"; }));
}

}  // namespace
}  // namespace gavel::test
