#include "cli/endpoint.h"

#include <gmock/gmock.h>

namespace gavel::cli {
namespace {

using testing::ElementsAre;

TEST(Endpoint, IsReadWithAndWithoutSchemeAndPort) {
    EXPECT_EQ(*parse_endpoint("http://127.0.0.1:7401"), (Endpoint{"127.0.0.1", "7401"}));
    EXPECT_EQ(*parse_endpoint("http://web-1:80/"), (Endpoint{"web-1", "80"}));
    EXPECT_EQ(*parse_endpoint("localhost"), (Endpoint{"localhost", "7400"}));
    EXPECT_EQ(*parse_endpoint("http://[::1]:9"), (Endpoint{"::1", "9"}));
    EXPECT_EQ(parse_endpoint("http://[::1]:9")->url(), "http://[::1]:9");
}

TEST(Endpoint, RefusesOtherSchemesPathsAndBadPorts) {
    for (const char* text : {"", "https://a:1", "http://", "a:b", "a:", "a:70000", "a/b", "[::1",
                             "http://u@h:1", "a b"}) {
        EXPECT_FALSE(parse_endpoint(text)) << text;
    }
}

TEST(Endpoint, ComesFromFlagsBeforeTheEnvironmentBeforeTheDefault) {
    EXPECT_THAT(*choose_endpoints({"a:1", "b:2"}, "c:3"),
                ElementsAre(Endpoint{"a", "1"}, Endpoint{"b", "2"}));
    EXPECT_THAT(*choose_endpoints({}, "c:3,http://d:4,"),
                ElementsAre(Endpoint{"c", "3"}, Endpoint{"d", "4"}));
    EXPECT_THAT(*choose_endpoints({}, ""), ElementsAre(Endpoint{"127.0.0.1", "7400"}));
    EXPECT_FALSE(choose_endpoints({}, "c:3,https://d"));
}

TEST(Endpoint, EncodesNamesSoThatTheyAreOnePathAgain) {
    EXPECT_EQ(encode_path("app/web 1/ü?#%"), "app/web%201/%C3%BC%3F%23%25");
    EXPECT_EQ(encode_query("a&b=c+d"), "a%26b%3Dc%2Bd");
}

}  // namespace
}  // namespace gavel::cli
