// The pages' commands are run, and print what the pages show.

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/cluster/reader.h"

namespace gavel::test {
namespace {

namespace fs = std::filesystem;

struct Section {
    std::string page{};
    std::string heading{};  // Empty: the whole page.

    bool operator==(const Section&) const = default;
};
void PrintTo(const Section& section, std::ostream* out) {
    *out << section.page << ' ' << section.heading;
}

// Their sections go on from each other: read from beginning to end. Of every other page each
// section is read by itself, against a cluster that is new.
const std::set<std::string> in_one_piece{"docs/http-api.md", "docs/tutorial.md"};

// These start their members themselves.
const std::set<std::string> from_nothing{"docs/tutorial.md"};

// Sections that another test reads.
const std::vector<Section> read_elsewhere{{"README.md", "## Two minutes"},
                                          {"docs/cli.md", "## `gavel playground [-n 3]`"}};

// Sections whose commands cannot be run here, and why.
const std::vector<std::pair<Section, std::string>> not_run{
    {{"docs/operating.md", "## Logs"}, "asks the journal of a service that systemd runs"},
};

struct Untyped {
    std::string page{};
    std::string begins{};  // Its first line.
    std::string why{};
};
void PrintTo(const Untyped& untyped, std::ostream* out) {
    *out << untyped.page << ": " << untyped.begins << "  (" << untyped.why << ')';
}

// All other blocks have a $ before each command, and so are run.
const std::vector<Untyped> untyped{
    {"CONTRIBUTING.md", "scripts/test ", "runs this test"},
    {"CONTRIBUTING.md", "cmake --preset debug ", "built this test"},
    {"README.md", "scripts/quickstart ", "the test quickstart takes the tour"},
    {"docs/architecture.md", "client ── HTTP", "a picture"},
    {"docs/cli.md", "gavel: deploy is in jeopardy", "messages"},
    {"docs/http-api.md", "HTTP/1.1 409 Conflict", "an answer"},
    {"docs/http-api.md", R"({"revision":40,"member_id":4,)", "an event"},
    {"docs/membership.md", "gaveld --name n4 ",
     "addresses of other machines; the tutorial does it"},
    {"docs/membership.md", "gavel member rm 3",
     "a directory set back in time; ClusterSetBack does it"},
    {"docs/model/README.md", "docs/model/check ", "needs spin"},
    {"docs/operating.md", "scripts/setup ", "installs, as root"},
    {"docs/operating.md", "gaveld --name n1 ", "addresses of other machines"},
    {"docs/operating.md", "GAVELD_NAME=n1", "a file"},
    {"docs/performance.md", "bench/compare  ", "measures for minutes"},
    {"docs/performance.md", "bench/compare --systems ", "measures for minutes"},
    {"docs/performance.md", "bench/watchers ", "measures for minutes"},
    {"docs/performance.md", "bench/sessions ", "measures for minutes"},
    {"docs/performance.md", "bench/members ", "measures for minutes"},
    {"docs/recipes.md", "UPDATE report ", "SQL"},
    {"docs/recovery.md", "systemctl disable ", "of a service that systemd runs, as root"},
    {"docs/recovery.md", "mv /var/lib/private/gavel ", "of that service, as root"},
    {"docs/simulation.md", "gavel-sim --seed 146 ", "the test simulation-campaign runs them"},
    {"docs/storage.md", "<data directory>/ ", "files"},
    {"docs/tutorial.md", "scripts/setup ", "installs and builds"},
    {"tests/mutations/README.md", "tests/mutations/run ", "builds a copy, for minutes"},
    {"tests/mutations/README.md", "edit the source; ", "words for a person"},
};

std::vector<std::string> pages() {
    std::vector<std::string> found;
    for (const fs::path folder : {"", "docs", "docs/model", "tests/mutations"}) {
        for (const auto& file : fs::directory_iterator(SOURCE_FOLDER / folder)) {
            if (file.path().extension() != ".md") continue;
            found.push_back((folder / file.path().filename()).string());
        }
    }
    std::ranges::sort(found);
    return found;
}

std::string text_of(const std::string& page) {
    return contents(std::string(SOURCE_FOLDER) + '/' + page);
}

// Every section that has commands.
std::vector<Section> sections() {
    std::vector<Section> found;
    for (const auto& page : pages()) {
        const std::string text = text_of(page);
        if (in_one_piece.contains(page)) {
            found.push_back({page, ""});
            continue;
        }
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) {
            if (!line.starts_with("## ") || examples(text, line).empty()) continue;
            found.push_back({page, line});
        }
    }
    return found;
}

std::vector<Section> read_here() {
    auto all = sections();
    std::erase_if(all, [](const Section& each) {
        return std::ranges::count(read_elsewhere, each) > 0 ||
               std::ranges::count(not_run, each, &std::pair<Section, std::string>::first) > 0;
    });
    return all;
}

// So that revisions are larger than the numbers of members, as on the page.
void put_five_times(Cluster& cluster) {
    auto client = cluster.client(0);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(client.call("PUT", "/v1/config/a", "x").ok());
}

void stop_the_third(Cluster& cluster) {
    cluster.signal(2, SIGTERM);
    EXPECT_EQ(cluster.wait(2, 20s), 0);
}

// 42 keys, a session with a lock; then the disks of two are gone while the third one, which leads,
// takes one command more.
void lose_a_majority(Cluster& cluster) {
    auto client = cluster.client(2);
    EXPECT_TRUE(client.call("POST", "/v1/leader", R"({"member_id":3})").ok());
    for (int key = 0; key < 41; ++key) {
        EXPECT_TRUE(client.call("PUT", "/v1/config/k" + std::to_string(key), "x").ok());
    }
    EXPECT_EQ(client.call("PUT", "/v1/locks/a", acquire_body(open_session(client))).status, 201);
    const auto path = cluster.folder() / "gavel.backup";
    std::ofstream(path) << client.call("GET", "/v1/backup").body;
    for (const std::size_t lost : {0U, 1U}) {
        cluster.kill(lost);
        fs::remove_all(cluster.folder() / ("n" + std::to_string(lost + 1)));
    }
    EXPECT_FALSE(client.call("PUT", "/v1/config/app/motd", "last words").ok());
    cluster.kill(2);
    fs::rename(cluster.folder() / "n3", cluster.folder() / "gavel-old");
}

// What a page's text says that has happened, or happens on the way.
void prepare(const Section& section, Reader& reader) {
    if (section.page == "docs/recovery.md") lose_a_majority(reader.cluster());
    if (section.page == "docs/recipes.md") put_five_times(reader.cluster());
    if (section.heading == "## `gavel top`") reader.let_the_first_lead();
    if (section.heading == "## `gavel doctor`") {
        reader.let_the_first_lead();
        reader.before("gavel doctor", stop_the_third);
    }
    if (section.page == "docs/tutorial.md") {
        reader.before("gavel put app/motd 'Good morning'", put_five_times);
    }
    if (section.heading == "## Remove a member" ||
        section.heading == "## Promote, demote, replace") {
        reader.let_the_first_lead();
        reader.let_a_fourth_vote();
    }
    if (section.heading == "## `gavel member ls`, `gavel status`, `gavel version`") {
        reader.let_the_first_lead();
        reader.before("gavel member ls", put_five_times);
        reader.before("gavel status", stop_the_third);
    }
}

class Page : public testing::TestWithParam<Section> {};

TEST_P(Page, ShowsWhatItsCommandsPrint) {
    Reader reader(from_nothing.contains(GetParam().page) ? Reader::Members::not_yet
                                                         : Reader::Members::run);
    prepare(GetParam(), reader);
    reader.read(GetParam().page, GetParam().heading);
}

std::string name_of(const testing::TestParamInfo<Section>& info) {
    std::string name;
    for (const char c : fs::path(info.param.page).stem().string() + info.param.heading) {
        if (std::isalnum(static_cast<unsigned char>(c))) {
            name += c;
        } else if (!name.ends_with('_')) {
            name += '_';
        }
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, Page, testing::ValuesIn(read_here()), name_of);

TEST(Pages, HaveNoCommandThatNobodyRuns) {
    std::size_t commands = 0;
    for (const auto& page : pages()) {
        SCOPED_TRACE(page);
        const std::string text = text_of(page);
        EXPECT_EQ(text.find("```"), std::string::npos) << "commands are indented, behind a $";
        commands += examples(text).size();
    }
    std::size_t in_sections = 0;
    for (const auto& [page, heading] : sections()) {
        in_sections += examples(text_of(page), heading).size();
    }
    EXPECT_EQ(commands, in_sections) << "a command stands before the first section of its page";
    for (const auto& each : read_elsewhere) {
        EXPECT_FALSE(examples(text_of(each.page), each.heading).empty()) << each.heading;
    }
    for (const auto& [each, why] : not_run) {
        EXPECT_FALSE(examples(text_of(each.page), each.heading).empty()) << each.heading << why;
    }
}

TEST(Pages, HaveNoBlockOfCommandsThatIsNotTyped) {
    std::vector<Untyped> left = untyped;
    for (const auto& page : pages()) {
        for (const auto& block : blocks_without_command(text_of(page))) {
            const auto known = std::ranges::find_if(left, [&](const Untyped& each) {
                return each.page == page && block.command.starts_with(each.begins);
            });
            EXPECT_NE(known, left.end())
                << page << ':' << block.line << ": " << block.command
                << "\nis neither behind a $, and run, nor in the list of what is not";
            if (known != left.end()) left.erase(known);
        }
    }
    EXPECT_THAT(left, testing::IsEmpty()) << "stand on no page any more";
}

TEST(Readme, WatchRunsItsCommand) {
    Reader reader;
    reader.read("README.md", "## Two minutes");
    const auto reloads = reader.cluster().folder() / "reloads";
    EXPECT_TRUE(eventually([&] { return contents(reloads) == "reload web\n"; }));
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
