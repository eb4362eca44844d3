#include "api/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gavel::api {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

constexpr std::string_view known[] = {"a", "b", "many"};
constexpr std::string_view repeatable[] = {"many"};

Result<Parameters, Problem> parse(std::string_view query) {
    return Parameters::parse(query, known, repeatable);
}

TEST(Parameters, AreDecoded) {
    const auto parameters = parse("a=x%20y%26&b&many=1&many=2&&");
    ASSERT_TRUE(parameters);
    EXPECT_EQ(*parameters->find("a"), "x y&");
    EXPECT_EQ(*parameters->find("b"), "");
    EXPECT_THAT(parameters->all("many"), ElementsAre("1", "2"));
}

TEST(Parameters, AreRefusedWhenUnknownRepeatedOrBadlyEncoded) {
    EXPECT_EQ(parse("c=1").error().code, ProblemCode::unknown_parameter);
    EXPECT_EQ(parse("A=1").error().code, ProblemCode::unknown_parameter);
    EXPECT_EQ(parse("a=1&a=1").error().code, ProblemCode::bad_parameter);
    EXPECT_EQ(parse("a=%ff").error().code, ProblemCode::bad_parameter);
    EXPECT_EQ(parse("a=%1").error().code, ProblemCode::bad_parameter);
    std::string many;
    for (int i = 0; i < 300; ++i) many += "many=1&";
    EXPECT_EQ(parse(many).error().code, ProblemCode::bad_parameter);
}

TEST(Parameters, HaveTypes) {
    EXPECT_EQ(*parse("a=17")->number("a"), 17U);
    EXPECT_EQ(*parse("")->number("a"), std::nullopt);
    EXPECT_FALSE(parse("a=-1")->number("a"));
    EXPECT_FALSE(parse("a=")->number("a"));
    EXPECT_EQ(*parse("a=2s")->duration("a", milliseconds(2'000)), milliseconds(2'000));
    EXPECT_FALSE(parse("a=2001ms")->duration("a", milliseconds(2'000)));
    EXPECT_FALSE(parse("a=2")->duration("a", milliseconds(2'000)));
    EXPECT_TRUE(*parse("a=true")->flag("a"));
    EXPECT_TRUE(*parse("a")->flag("a"));
    EXPECT_FALSE(*parse("a=false")->flag("a"));
    EXPECT_FALSE(*parse("")->flag("a"));
    EXPECT_FALSE(parse("a=yes")->flag("a"));
}

}  // namespace
}  // namespace gavel::api
