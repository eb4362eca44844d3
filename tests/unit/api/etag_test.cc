#include "api/etag.h"

#include <gtest/gtest.h>

namespace gavel::api {
namespace {

using statemachine::Precondition;
using Kind = Precondition::Kind;

Precondition condition(const std::string* if_match, const std::string* if_none_match) {
    const auto parsed = parse_precondition(if_match, if_none_match);
    EXPECT_TRUE(parsed);
    return parsed ? *parsed : Precondition{};
}

TEST(EntityTag, IsTheQuotedRevision) { EXPECT_EQ(etag(17), "\"17\""); }

TEST(EntityTags, AreAListOrAStar) {
    EXPECT_EQ(*parse_entity_tags("*"), (EntityTags{.any = true}));
    EXPECT_EQ(*parse_entity_tags(" \"1\" , W/\"2\",,\"3\" "),
              (EntityTags{.tags = {{false, 1}, {true, 2}, {false, 3}}}));
}

TEST(EntityTags, AreRefusedWhenTheyAreNotQuoted) {
    for (const auto* text : {"", " ", ",", "17", "\"17", "17\"", "\"1\" \"2\"", "* , \"1\"", "**",
                             "w/\"1\"", "W/1", "\"1\";"}) {
        EXPECT_FALSE(parse_entity_tags(text)) << text;
    }
    std::string many;
    for (int i = 0; i < 200; ++i) many += "\"1\",";
    EXPECT_FALSE(parse_entity_tags(many));
}

TEST(EntityTags, CompareStronglyForIfMatchAndWeaklyForIfNoneMatch) {
    const auto tags = *parse_entity_tags("W/\"5\", \"6\"");
    EXPECT_FALSE(tags.matches_strongly(5));
    EXPECT_TRUE(tags.matches_strongly(6));
    EXPECT_TRUE(tags.matches_weakly(5));
    EXPECT_FALSE(tags.matches_weakly(7));
}

TEST(EntityTags, OfSomebodyElseMatchNothing) {
    const auto tags = *parse_entity_tags("\"abc\", \"007\"");
    EXPECT_FALSE(tags.matches_weakly(7));
    EXPECT_FALSE(tags.matches_strongly(0x0abc));
}

TEST(Precondition, IsMadeOfTheConditionalFields) {
    const std::string star = "*", list = "\"5\", W/\"6\", \"x\"";
    EXPECT_EQ(condition(nullptr, nullptr), Precondition{});
    EXPECT_EQ(condition(&star, nullptr), (Precondition{Kind::present, {}}));
    EXPECT_EQ(condition(nullptr, &star), (Precondition{Kind::absent, {}}));
    EXPECT_EQ(condition(&list, nullptr), (Precondition{Kind::matches, {5}}));
    EXPECT_EQ(condition(nullptr, &list), (Precondition{Kind::none_matches, {5, 6}}));
}

TEST(Precondition, OfOnlyForeignTagsCanNeverHold) {
    const std::string foreign = "W/\"5\", \"abc\"";
    EXPECT_EQ(condition(&foreign, nullptr), (Precondition{Kind::matches, {}}));
}

TEST(Precondition, IsOneOfTheTwo) {
    const std::string star = "*";
    EXPECT_FALSE(parse_precondition(&star, &star));
}

}  // namespace
}  // namespace gavel::api
