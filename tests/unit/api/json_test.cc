#include "api/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/prng.h"

namespace gavel::api {
namespace {

std::string refusal(std::string_view text) {
    const auto fields = parse_json_object(text);
    return fields ? "" : fields.error().why;
}

TEST(JsonWriter, SeparatesAndEscapes) {
    JsonWriter json;
    json.open('{').text("a", "q\"\\\n\x01\x7f\xC3\xA9").number("b", 7).flag("c", true);
    json.key("d").open('[').number(1).null().open('{').close('}').close(']');
    json.raw("e", "{\n\"x\":\r\n1}").close('}');
    const auto text = json.take();
    EXPECT_EQ(text,
              "{\"a\":\"q\\\"\\\\\\n\\u0001\\u007f\xC3\xA9\",\"b\":7,\"c\":true,"
              "\"d\":[1,null,{}],\"e\":{ \"x\":  1}}");
    EXPECT_EQ(nlohmann::json::parse(text)["a"], "q\"\\\n\x01\x7f\xC3\xA9");
}

TEST(JsonObject, GivesItsFields) {
    const auto fields = parse_json_object(
        " {\"s\" : \"a\\u00e9\\ud83d\\ude00\\n\" ,\"n\":-1.5e+3,\"o\":{\"x\":[1, {}]},\"b\":true,"
        "\"z\":null}\n");
    ASSERT_TRUE(fields);
    ASSERT_EQ(fields->size(), 5U);
    using Kind = JsonField::Kind;
    EXPECT_EQ((*fields)[0].text, "a\xC3\xA9\xF0\x9F\x98\x80\n");
    EXPECT_EQ((*fields)[1].kind, Kind::number);
    EXPECT_EQ((*fields)[1].raw, "-1.5e+3");
    EXPECT_EQ((*fields)[2].kind, Kind::object);
    EXPECT_EQ((*fields)[2].raw, "{\"x\":[1, {}]}");
    EXPECT_EQ((*fields)[3].kind, Kind::boolean);
    EXPECT_EQ((*fields)[4].kind, Kind::null);
}

TEST(JsonObject, RefusesAFieldThatStandsTwiceOnAnyLevel) {
    EXPECT_EQ(refusal(R"({"a":1,"a":2})"), "has the field \"a\" twice");
    EXPECT_EQ(refusal(R"({"m":{"x":1,"\u0078":2}})"), "has the field \"x\" twice");
    std::string many = "{";
    for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":0,";
    EXPECT_EQ(refusal(many + "\"k3\":1}"), "has the field \"k3\" twice");
    EXPECT_EQ(refusal(many + "\"k99\":1}"), "has the field \"k99\" twice");
    EXPECT_EQ(refusal(many + "\"k100\":1}"), "");
}

TEST(JsonObject, RefusesDeepNesting) {
    const auto nested = [](std::size_t levels) {
        return "{\"a\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
    };
    EXPECT_EQ(refusal(nested(31)), "");
    EXPECT_EQ(refusal(nested(32)), "is nested too deeply");
    EXPECT_EQ(refusal(nested(200'000)), "is nested too deeply");
}

TEST(JsonObject, RefusesWhatIsNotOneObjectInUtf8) {
    for (const auto* text : {"",
                             "[]",
                             "1",
                             "null",
                             "{",
                             "{}{}",
                             "{} x",
                             "{\"a\"}",
                             "{\"a\":}",
                             "{\"a\":1,}",
                             "{,}",
                             "{'a':1}",
                             "{a:1}",
                             "{\"a\":01}",
                             "{\"a\":.5}",
                             "{\"a\":1.}",
                             "{\"a\":+1}",
                             "{\"a\":1e}",
                             "{\"a\":-}",
                             "{\"a\":tru}",
                             "{\"a\":\"\\x\"}",
                             "{\"a\":\"\\u12g4\"}",
                             "{\"a\":\"\\ud800\"}",
                             "{\"a\":\"\\udc00\"}",
                             "{\"a\":\"\\ud800\\u0041\"}",
                             "{\"a\":\"\n\"}",
                             "{\"a\":\"",
                             "{\"a\":\"\\",
                             "{\"a\":\"\\u12",
                             "{\"a\":NaN}",
                             "\xEF\xBB\xBF{}",
                             "// c\n{}"}) {
        EXPECT_NE(refusal(text), "") << text;
    }
    EXPECT_EQ(refusal("{\"a\":\"\xff\"}"), "is not UTF-8");
}

TEST(JsonArray, IsTakenApart) {
    const auto items = parse_json_array(R"( [1, "a\n", {"x":[]},[ ],true,null] )", 6);
    ASSERT_TRUE(items.has_value());
    ASSERT_EQ(items->size(), 6U);
    EXPECT_EQ((*items)[0].raw, "1");
    EXPECT_EQ((*items)[1].text, "a\n");
    EXPECT_EQ((*items)[2].raw, R"({"x":[]})");
    EXPECT_EQ((*items)[3].kind, JsonField::Kind::array);
    EXPECT_EQ((*items)[4].kind, JsonField::Kind::boolean);
    EXPECT_EQ((*items)[5].kind, JsonField::Kind::null);
    EXPECT_TRUE(parse_json_array("[]", 0)->empty());
}

TEST(JsonArray, IsRefusedWhenItIsNotFit) {
    for (const auto* text : {"", "1", "{}", "[", "[1", "[1,]", "[,1]", "[1] 2", "[1 2]", "[\xff]",
                             R"([{"a":1,"a":2}])"}) {
        EXPECT_FALSE(parse_json_array(text, 9).has_value()) << text;
    }
    EXPECT_EQ(parse_json_array("[1,2,3]", 2).error().why, "has more than 2 elements");
}

TEST(Json, IsWhatAnotherParserTakesForJson) {
    // Random damage to a rich document: both must agree on what is left.
    const std::string document =
        R"({"a":[1,-2.5e3,true,null,"x\u00e9\ud83d\ude00\\"],"b":{"c":"é","d":{}},"e":0})";
    constexpr std::string_view alphabet = "{}[]\":,\\u0123456789eE+-.truefalsnx \n\t\x01\x80";
    Prng prng(7);
    int valid = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto text = document;
        for (auto edits = prng.between(1, 3); edits > 0; --edits) {
            const auto at = prng.below(text.size());
            const char c = alphabet[prng.below(alphabet.size())];
            switch (prng.below(3)) {
                case 0:
                    text[at] = c;
                    break;
                case 1:
                    text.erase(at, 1);
                    break;
                default:
                    text.insert(at, 1, c);
                    break;
            }
        }
        const bool accepted = nlohmann::json::accept(text);
        EXPECT_EQ(is_json(text), accepted) << text;
        valid += accepted ? 1 : 0;
    }
    EXPECT_GT(valid, 500);
}

TEST(Json, MayBeAnyValueButHasNoByteOrderMark) {
    for (const auto* text : {"1", "\"x\"", "null", " [ ] ", "{\"a\":1,\"a\":2}"}) {
        EXPECT_TRUE(is_json(text)) << text;
    }
    EXPECT_FALSE(is_json(""));
    EXPECT_FALSE(is_json("\xEF\xBB\xBF{}"));
    EXPECT_FALSE(is_json(std::string(100'000, '[')));
}

TEST(ContentType, SaysJson) {
    for (const auto* type : {"application/json", "Application/JSON; charset=utf-8",
                             "application/problem+json", "text/x+json ;a=b"}) {
        EXPECT_TRUE(is_json_type(type)) << type;
    }
    for (const auto* type :
         {"", "text/plain", "application/jsonx", "application/json-seq", "+json"}) {
        EXPECT_FALSE(is_json_type(type)) << type;
    }
}

}  // namespace
}  // namespace gavel::api
