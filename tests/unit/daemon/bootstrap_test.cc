#include "daemon/bootstrap.h"

#include <gmock/gmock.h>

#include "proto/codec.h"

namespace gavel::daemon {
namespace {

using testing::HasSubstr;

const std::string three = "n2=10.0.0.2:7500,n1=10.0.0.1:7500,n3=10.0.0.3:7500";

Options options_of(std::string name, std::string cluster) {
    Options options;
    if (!name.empty()) options.name = std::move(name);
    if (!cluster.empty()) options.initial_cluster = std::move(cluster);
    return options;
}

TEST(InitialCluster, NumbersItsMembersByTheirSortedNames) {
    const auto members = parse_initial_cluster(three);

    EXPECT_THAT(*members, testing::ElementsAre(InitialMember{{1}, "n1", {"10.0.0.1", 7500}},
                                               InitialMember{{2}, "n2", {"10.0.0.2", 7500}},
                                               InitialMember{{3}, "n3", {"10.0.0.3", 7500}}));
    EXPECT_EQ(to_string(*members), "n1=10.0.0.1:7500,n2=10.0.0.2:7500,n3=10.0.0.3:7500");
}

TEST(InitialCluster, HasOneToSevenMembersThatAreAllDifferent) {
    const auto error = [](const std::string& text) {
        return parse_initial_cluster(text).error().what;
    };
    std::string eight;
    for (int i = 1; i <= 8; ++i) {
        eight += (i > 1 ? ",n" : "n") + std::to_string(i) + "=h" + std::to_string(i) + ":1";
    }

    EXPECT_THAT(error(""), HasSubstr("is not NAME=HOST:PORT"));
    EXPECT_THAT(error("n1=h:1,"), HasSubstr("'' is not NAME=HOST:PORT"));
    EXPECT_THAT(error("N1=h:1"), HasSubstr("'N1=h:1' is not NAME=HOST:PORT"));
    EXPECT_THAT(error("n1=h"), HasSubstr("there is no port"));
    EXPECT_THAT(error("n1=h:1,n1=h:2"), HasSubstr("two members have the name 'n1'"));
    EXPECT_THAT(error("n1=h:1,n2=h:1"), HasSubstr("two members have the address h:1"));
    EXPECT_THAT(error(eight), HasSubstr("1 to 7 members, not 8"));
    EXPECT_TRUE(parse_initial_cluster(eight.substr(0, eight.rfind(','))).has_value());
    EXPECT_THAT(error(std::string(64, 'a') + "=h:1"), HasSubstr("1 to 63"));
}

TEST(ClusterId, IsTheSameInWhateverOrderTheMembersAreGiven) {
    const auto a = new_identity(options_of("n1", three), 7);
    const auto b =
        new_identity(options_of("n3", "n3=10.0.0.3:7500,n2=10.0.0.2:7500,n1=10.0.0.1:7500"), 8);

    EXPECT_EQ(a->cluster_id, b->cluster_id);
    EXPECT_EQ(a->cluster_id.size(), 32U);
    EXPECT_EQ(a->member, 1);
    EXPECT_EQ(b->member, 3);
}

TEST(ClusterId, DependsOnMembersAlphaAndToken) {
    const Options base = options_of("n1", three);
    Options other_alpha = base, other_token = base;
    other_alpha.alpha = 8;
    other_token.cluster_token = "staging";
    const Options other_members = options_of("n1", "n1=10.0.0.1:7500,n2=10.0.0.2:7500");

    std::set<std::string> ids;
    for (const auto& options : {base, other_alpha, other_token, other_members}) {
        ids.insert(new_identity(options, 7)->cluster_id);
    }

    EXPECT_EQ(ids.size(), 4U);
}

TEST(NewIdentity, IsAClusterOfOneWithoutAnInitialCluster) {
    const auto identity = new_identity(Options{}, 7);

    EXPECT_EQ(identity->name, "default");
    EXPECT_EQ(identity->member, 1);
    EXPECT_EQ(identity->incarnation, 7U);
    EXPECT_EQ(identity->alpha, alpha_default);
    EXPECT_EQ(identity->format_level, proto::format_level);
    EXPECT_EQ(identity->initial_cluster, "default=127.0.0.1:7500");
}

TEST(NewIdentity, NeedsItsOwnPlaceInTheCluster) {
    Options elsewhere = options_of("n1", three);
    elsewhere.peer_advertise = Address{"10.0.0.9", 7500};

    EXPECT_THAT(new_identity(options_of("", three), 7).error().what, HasSubstr("--name"));
    EXPECT_THAT(new_identity(options_of("n4", three), 7).error().what,
                HasSubstr("does not name this member, 'n4'"));
    EXPECT_THAT(new_identity(elsewhere, 7).error().what,
                HasSubstr("is not the address that --initial-cluster gives 'n1'"));
}

TEST(DataDirectory, NeedsNoOptionThatItRemembers) {
    const auto kept = new_identity(options_of("n1", three), 7);

    EXPECT_EQ(contradiction(Options{}, *kept), std::nullopt);
    EXPECT_EQ(contradiction(options_of("n1", three), *kept), std::nullopt);
}

TEST(DataDirectory, RefusesToBeSomebodyElses) {
    Options made = options_of("n1", three);
    made.cluster_token = "live";
    const auto kept = new_identity(made, 7);
    const auto error = [&](const Options& options) {
        return contradiction(options, *kept).value_or("nothing");
    };
    Options other_alpha, other_token, same_token, other_address, same_address;
    other_alpha.alpha = 8;
    other_token.cluster_token = "staging";
    same_token.cluster_token = "live";
    other_address.peer_advertise = Address{"10.0.0.2", 7500};
    same_address.peer_advertise = Address{"10.0.0.1", 7500};

    EXPECT_EQ(error(options_of("n2", "")), "made with --name 'n1', not 'n2'");
    EXPECT_THAT(error(options_of("", "n1=h:1")), HasSubstr("made with --initial-cluster 'n1=10."));
    EXPECT_THAT(error(other_alpha), HasSubstr("made with --alpha '512', not '8'"));
    EXPECT_THAT(error(other_token), HasSubstr("another --cluster-token"));
    EXPECT_EQ(contradiction(same_token, *kept), std::nullopt);
    EXPECT_EQ(error(other_address),
              "made with --peer-advertise '10.0.0.1:7500', not '10.0.0.2:7500'");
    EXPECT_EQ(contradiction(same_address, *kept), std::nullopt);
}

// Its founders' list does not name it, or names another one that had its name.
TEST(DataDirectory, OfAMemberThatJoinedKnowsItsOwnAddress) {
    auto kept = *new_identity(options_of("n1", three), 7);
    kept.member = 4;
    kept.name = "n4";
    kept.peer_address = "10.0.0.4:7500";
    kept.contacts = "1=10.0.0.1:7500";
    Options same, other;
    same.peer_advertise = Address{"10.0.0.4", 7500};
    other.peer_advertise = Address{"10.0.0.1", 7500};

    EXPECT_EQ(contradiction(same, kept), std::nullopt);
    EXPECT_EQ(contradiction(other, kept),
              "made with --peer-advertise '10.0.0.4:7500', not '10.0.0.1:7500'");
}

TEST(RandomNumber, DiffersEachTime) { EXPECT_NE(random_number(), random_number()); }

}  // namespace
}  // namespace gavel::daemon
