#include "api/names.h"

#include <gtest/gtest.h>

namespace gavel::api {
namespace {

std::string decoded(std::string_view text) {
    const auto name = decode_name(text);
    return name ? *name : "refused: " + name.error().why;
}

TEST(Name, IsPercentDecodedOnce) {
    EXPECT_EQ(decoded("app/db%20url"), "app/db url");
    EXPECT_EQ(decoded("a%2Fb"), "a/b");
    EXPECT_EQ(decoded("100%2525"), "100%25");
    EXPECT_EQ(decoded("a+b"), "a+b");
    EXPECT_EQ(decoded("%C3%A9t%c3%a9"), "\xC3\xA9t\xC3\xA9");
}

TEST(Name, HasNoEmptyOrDotSegments) {
    for (const auto* text : {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a/..",
                             "%2e%2e", "a%2F%2Fb", "a%2f"}) {
        EXPECT_TRUE(decoded(text).starts_with("refused")) << text;
    }
    EXPECT_EQ(decoded("a/.b/c..d/..."), "a/.b/c..d/...");
}

TEST(Name, HasNoControlCharactersAndIsUtf8) {
    EXPECT_EQ(decoded("a%C2%A0%E2%80%80"), "a\xC2\xA0\xE2\x80\x80");
    for (const auto* text : {"a%00b", "a%0Ab", "a%7F", "a%C2%80", "%C2%9Bb", "%ff", "%C3",
                             "%ED%A0%80", "%C0%AF", "%F4%90%80%80", "%", "%4", "%zz", "a%"}) {
        EXPECT_TRUE(decoded(text).starts_with("refused")) << text;
    }
}

TEST(Name, HasAtMost400Bytes) {
    EXPECT_EQ(decoded(std::string(400, 'a')).size(), 400U);
    EXPECT_TRUE(decoded(std::string(401, 'a')).starts_with("refused"));
}

TEST(Prefix, MayBeEmptyOrEndAnywhere) {
    for (const auto* none : {"a//", "a%2F%2Fb", "/a", "../a", "a/./b", ""}) {
        EXPECT_TRUE(decode_prefix(none).has_error()) << none;
    }
    for (const auto* some : {"a", "a/", "a/b", "a/.", "..", "a%2Fb"}) {
        EXPECT_FALSE(decode_prefix(some).has_error()) << some;
    }
    EXPECT_FALSE(check_prefix(""));
    EXPECT_FALSE(check_prefix("app/"));
    EXPECT_FALSE(check_prefix("app/d"));
    EXPECT_TRUE(check_prefix("a\nb"));
    EXPECT_TRUE(check_prefix(std::string(401, 'a')));
}

TEST(Label, IsBounded) {
    EXPECT_FALSE(check_label(std::string(256, 'x')));
    EXPECT_TRUE(check_label(std::string(257, 'x')));
    EXPECT_TRUE(check_label("a\x1b[31m"));
    EXPECT_TRUE(
        check_label("a\xC2\x9B"
                    "31m"));
}

TEST(Number, IsBelowTwoToThe53) {
    EXPECT_EQ(parse_number("0"), 0U);
    EXPECT_EQ(parse_number("9007199254740991"), 9'007'199'254'740'991U);
    for (const auto* text : {"", "9007199254740992", "18446744073709551617", "01", "-1", "+1",
                             "1.0", "1 ", "0x1", "99999999999999999"}) {
        EXPECT_EQ(parse_number(text), std::nullopt) << text;
    }
}

TEST(SessionId, IsAnSAndANumber) {
    EXPECT_EQ(session_id(123), "s123");
    EXPECT_EQ(parse_session_id("s123"), 123U);
    for (const auto* text : {"", "s", "123", "S1", "s01", "s-1", "s1x"}) {
        EXPECT_EQ(parse_session_id(text), std::nullopt) << text;
    }
}

TEST(MemberId, IsANumberOf16BitsAndNotZero) {
    EXPECT_EQ(parse_member_id("1"), 1);
    EXPECT_EQ(parse_member_id("65535"), 65535);
    for (const auto* text : {"", "0", "01", "65536", "-1", "1 ", "n1", "1.0", "1e1"}) {
        EXPECT_EQ(parse_member_id(text), std::nullopt) << text;
    }
}

TEST(MemberName, IsShortAndPlain) {
    EXPECT_FALSE(check_member_name("db-4"));
    EXPECT_FALSE(check_member_name(std::string(63, 'a')));
    for (const auto& text : {std::string(), std::string(64, 'a'), std::string("N4"),
                             std::string("a b"), std::string("a=b"), std::string("a,b")}) {
        EXPECT_TRUE(check_member_name(text)) << text;
    }
}

TEST(Address, IsAHostThatOthersReachAndAPort) {
    for (const auto* text : {"db4:7500", "db4.example.org:1", "10.0.0.4:65535", "[fd00::4]:7500"}) {
        EXPECT_FALSE(check_address(text)) << text;
    }
    for (const auto* text :
         {"", ":", "db4", "db4:", ":7500", "db4:0", "db4:07500", "db4:65536", "db4:x",
          "fd00::4:7500", "[fd00::4]", "[fd00::4%eth0]:7500", "[db4]:7500", "db 4:7500",
          "http://db4:7500", "db4/x:7500", "0.0.0.0:7500", "[::]:7500"}) {
        EXPECT_TRUE(check_address(text)) << text;
    }
    EXPECT_FALSE(check_address(std::string(253, 'a').append(":1")));
    EXPECT_TRUE(check_address(std::string(254, 'a').append(":1")));
}

TEST(Cursor, ComesBackAsItWasGivenOut) {
    for (const std::string name : {"a", "ab", "abc", "abcd", "\xC3\xA9/~?"}) {
        EXPECT_EQ(decode_cursor(encode_cursor(name)), name);
        EXPECT_EQ(encode_cursor(name).find_first_of("+/="), std::string::npos);
    }
}

TEST(Cursor, IsRefusedWhenItWasNotGivenOut) {
    for (const auto* text : {"", "a", "YR", "YQ==", "Y Q", "Y+Q/"}) {
        EXPECT_EQ(decode_cursor(text), std::nullopt) << text;
    }
}

TEST(Base64, FollowsRfc4648) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64("\xff\xfe"), "//4=");
}

TEST(Base64, ComesBackAsItWas) {
    for (const std::string bytes : {"", "f", "fo", "foo", "foobar", "\xff\xfe"}) {
        EXPECT_EQ(decode_base64(base64(bytes)), bytes);
    }
    for (const auto* text : {"=", "Zg", "Zg=", "Zh==", "Zg===", "Zm9v=", "Zm 9v", "Zm9v\n",
                             "-_==", "Z", "====", "Zg==Zg=="}) {
        EXPECT_EQ(decode_base64(text), std::nullopt) << text;
    }
}

TEST(Path, IsEncodedForALocation) {
    EXPECT_EQ(percent_encode_path("a/b c\xC3\xA9"), "a/b%20c%C3%A9");
}

}  // namespace
}  // namespace gavel::api
