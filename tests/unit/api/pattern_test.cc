#include "api/pattern.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace gavel::api {
namespace {

bool found(const std::string& pattern, const std::string& text) {
    const auto compiled = Pattern::compile(pattern);
    EXPECT_TRUE(compiled.has_value()) << pattern;
    return compiled && compiled->is_found_in(text);
}

TEST(Pattern, IsFoundAnywhereUnlessItIsTiedToAnEnd) {
    EXPECT_TRUE(found("b", "abc"));
    EXPECT_TRUE(found("", ""));
    EXPECT_FALSE(found("^b", "abc"));
    EXPECT_TRUE(found("^a", "abc"));
    EXPECT_FALSE(found("b$", "abc"));
    EXPECT_TRUE(found("c$", "abc"));
    EXPECT_FALSE(found("^abc$", "abc\n")) << "$ is the end, not a line's";
}

TEST(Pattern, HasQuantifiersGroupsAndAlternatives) {
    for (const auto& [pattern, good, bad] : {std::tuple{"^a*$", "aaa", "ab"},
                                             {"^a+$", "a", ""},
                                             {"^ab?$", "a", "abb"},
                                             {"^a{2}$", "aa", "aaa"},
                                             {"^a{2,}$", "aaaaa", "a"},
                                             {"^a{1,3}$", "aaa", "aaaa"},
                                             {"^a{0}b$", "b", "ab"},
                                             {"^(ab|cd)+$", "abcdab", "abc"},
                                             {"^(?:a|)b$", "b", "aab"},
                                             {"^(a|b|cd)$", "cd", "c"},
                                             {"^((a*)*b)*$", "aabab", "aaba"},
                                             {"^a+?b$", "aab", "b"},
                                             {"^(a{0,2}){2}$", "aaaa", "aaaaa"},
                                             {"^x(a|b){2,3}y$", "xaby", "xay"}}) {
        EXPECT_TRUE(found(pattern, good)) << pattern << ' ' << good;
        EXPECT_FALSE(found(pattern, bad)) << pattern << ' ' << bad;
    }
}

TEST(Pattern, HasClassesAndEscapes) {
    for (const auto& [pattern, good, bad] : {std::tuple{"^[a-c]$", "b", "d"},
                                             {"^[^a-c]$", "d", "b"},
                                             {"^[-a]$", "-", "b"},
                                             {"^[a-]$", "-", "b"},
                                             {"^[.]$", ".", "a"},
                                             {"^\\d\\D$", "1a", "11"},
                                             {"^[\\d_]+$", "1_2", "a"},
                                             {"^\\w+$", "a_9", "a-9"},
                                             {"^\\s\\S$", " a", "aa"},
                                             {"^[\\s\\S]$", "\n", ""},
                                             {"^[\\D]$", "a", "1"},
                                             {"^.$", "a", "\n"},
                                             {"^\\.$", ".", "a"},
                                             {"^\\x41\\u0042$", "AB", "ab"},
                                             {"^[\\]\\\\]$", "]", "["},
                                             {"\\bab\\b", "x ab.", "xab"},
                                             {"a\\Bb", "ab", "a b"},
                                             {"^[\\b]$", "\b", "b"},
                                             {"^a/b\\-c$", "a/b-c", "a/bc"}}) {
        EXPECT_TRUE(found(pattern, good)) << pattern << ' ' << good;
        EXPECT_FALSE(found(pattern, bad)) << pattern << ' ' << bad;
    }
}

TEST(Pattern, CountsCharactersAndNotBytes) {
    EXPECT_TRUE(found("^.$", "é"));
    EXPECT_TRUE(found("^.{2}$", "€𝄞"));
    EXPECT_TRUE(found("^[à-ý]+$", "éè"));
    EXPECT_FALSE(found("^[à-ý]+$", "e"));
    EXPECT_TRUE(found("^\\u00e9$", "é"));
}

TEST(Pattern, ThatCannotBeMeantIsRefused) {
    for (const std::string pattern :
         {"(",     ")",       "(a",      "a)",    "[a",     "*",      "+a",
          "a**",   "a{2}{3}", "a{",      "a{2",   "a{3,2}", "{2}",    "(?=a)",
          "(?!a)", "(?<=a)b", "(?<n>a)", "\\1",   "(a)\\1", "\\p{L}", "\\q",
          "[b-a]", "[a-\\d]", "\\x4",    "\\u12", "a\\",    "[\\",    "\xFF"}) {
        EXPECT_TRUE(Pattern::compile(pattern).has_error()) << pattern;
    }
    EXPECT_TRUE(Pattern::compile(std::string(1'025, 'a')).has_error());
    EXPECT_TRUE(Pattern::compile(std::string(400, '(') + std::string(400, ')')).has_error());
    EXPECT_TRUE(Pattern::compile("(a{100}){100}").has_error());
    EXPECT_TRUE(Pattern::compile("a{99999999999999999999}").has_error());
    EXPECT_TRUE(Pattern::compile("((((a{9}){9}){9}){9}){9}").has_error());
    EXPECT_TRUE(Pattern::compile("a{0,99999}").has_error());
}

TEST(Pattern, RepeatsWhatMayBeLeftOut) {
    for (const auto& [pattern, good, bad] : {std::tuple{"^(ab){0,3}$", "ababab", "abababab"},
                                             {"^(a|bc){0,2}d$", "bcad", "aaad"},
                                             {"^(a{0,2}b){0,2}$", "aabab", "aaab"},
                                             {"^(x{0}|y){2}$", "yy", "x"},
                                             {"^((a{3}){0}b)?$", "b", "aaab"},
                                             {"^(?:a|b|c|de|){3}$", "ade", "abca"},
                                             {"^a{2,4}b{0,1}$", "aaab", "aaaaab"}}) {
        EXPECT_TRUE(found(pattern, good)) << pattern << ' ' << good;
        EXPECT_FALSE(found(pattern, bad)) << pattern << ' ' << bad;
    }
}

// Ranges cost what they are, and not how often they are said.
TEST(Pattern, HasItsRangesInOrder) {
    std::string twice = "[", apart = "[";
    for (int i = 0; i < 400; ++i) twice += "\\s";
    for (char32_t c = 0x4E00; c < 0x4E00 + 600; c += 2) {
        apart += static_cast<char>(0xE0 | (c >> 12));
        apart += static_cast<char>(0x80 | (c >> 6 & 0x3F));
        apart += static_cast<char>(0x80 | (c & 0x3F));
    }

    const auto merged = Pattern::compile(twice + "]");
    const auto many = Pattern::compile(apart + "]");

    ASSERT_TRUE(merged && many);
    EXPECT_EQ(merged->size(), 2U + 10U);
    EXPECT_EQ(many->size(), 2U + 300U);
    EXPECT_LT(many->price(), 20U);
    EXPECT_TRUE(found("^[z\\x61b-fe-h]+$", "abcdefghz"));
    EXPECT_FALSE(found("[z\\x61b-fe-h]", "iy"));
    EXPECT_TRUE(found("^[^\\w\\s]$", "-"));
    EXPECT_FALSE(found("[^\\d\\D]", "a1\n€"));
    EXPECT_TRUE(found(apart + "]", "\xE4\xB8\x82")) << "the second";
    EXPECT_FALSE(found(apart + "]", "\xE4\xB8\x81")) << "between";
}

// Nothing is written of what is too much, or left out.
TEST(Pattern, IsCompiledInTheTimeThatItsSizeAllows) {
    const auto began = std::chrono::steady_clock::now();

    for (int i = 0; i < 5'000; ++i) {
        EXPECT_TRUE(Pattern::compile(".{0,2047}").has_value());
        EXPECT_EQ(Pattern::compile("((((a{4000}){0}b|)))")->size(), 6U);
        EXPECT_EQ(Pattern::compile("(((){4000}){4000}){4000}")->size(), 1U);
    }

    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

// Others take longer than there is time, or more of the stack than there is.
TEST(Pattern, TakesNoMoreStepsThanTheTextIsLong) {
    const std::string many(200'000, 'a');
    const auto began = std::chrono::steady_clock::now();

    EXPECT_FALSE(found("^(a+)+$", many + "!"));
    EXPECT_TRUE(found("^(a|b)*$", many));
    EXPECT_FALSE(found("(a*)*(a*)*(a*)*b", many));
    EXPECT_FALSE(found("a?a?a?a?a?a?a?a?a?a?b", many));
    EXPECT_FALSE(found("(.*)(.*)(.*)(.*)x$", many));

    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

}  // namespace
}  // namespace gavel::api
