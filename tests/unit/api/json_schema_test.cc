#include "api/json_schema.h"

#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <vector>

namespace gavel::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Reason = JsonSchema::Reason;

std::vector<Reason> judged(const std::string& schema, const std::string& value) {
    const auto compiled = JsonSchema::compile(schema);
    if (!compiled) return {{"schema", compiled.error().why}};
    Effort effort;
    return compiled->judge(value, effort);
}

bool fits(const std::string& schema, const std::string& value) {
    const auto reasons = judged(schema, value);
    for (const auto& reason : reasons) EXPECT_NE(reason.pointer, "schema") << reason.text;
    return reasons.empty();
}

std::string refusal(const std::string& schema) {
    const auto compiled = JsonSchema::compile(schema);
    return compiled ? "" : compiled.error().why;
}

struct Case {
    const char* schema;
    std::vector<const char*> good;
    std::vector<const char*> bad;
};

void expect_all(const std::vector<Case>& cases) {
    for (const auto& [schema, good, bad] : cases) {
        for (const auto* value : good) EXPECT_TRUE(fits(schema, value)) << schema << ' ' << value;
        for (const auto* value : bad) EXPECT_FALSE(fits(schema, value)) << schema << ' ' << value;
    }
}

TEST(JsonSchema, HoldsValuesToTheirTypes) {
    expect_all({{"true", {"1", "null"}, {}},
                {"false", {}, {"1", "null"}},
                {"{}", {"1", "{}"}, {}},
                {R"({"type":"integer"})", {"1", "-3", "2.0", "1e3"}, {"1.5", "\"1\"", "null"}},
                {R"({"type":"number"})", {"1", "1.5"}, {"true"}},
                {R"({"type":["string","null"]})", {"\"a\"", "null"}, {"1", "[]"}},
                {R"({"type":"object"})", {"{}"}, {"[]"}},
                {R"({"type":"boolean"})", {"true"}, {"0"}},
                {R"({"enum":[1,"a",{"b":[2,null]}]})",
                 {"1", "1.0", "\"a\"", R"({"b":[2.0,null]})"},
                 {"2", "\"b\"", R"({"b":[2]})", "[]"}},
                {R"({"const":{"a":1,"b":2}})", {R"({"b":2,"a":1})"}, {R"({"a":1})"}},
                {R"({"const":1,"enum":[1,2]})", {"1"}, {"2"}},
                {R"({"const":3,"enum":[1,2]})", {}, {"1", "2", "3"}}});
}

TEST(JsonSchema, HoldsNumbersAndTextsToTheirBounds) {
    expect_all(
        {{R"({"minimum":1,"maximum":3})", {"1", "3", "\"no number\""}, {"0.9", "3.1"}},
         {R"({"exclusiveMinimum":1,"exclusiveMaximum":3})", {"2"}, {"1", "3"}},
         {R"({"multipleOf":0.01})", {"0.07", "19.99", "4"}, {"0.075"}},
         {R"({"multipleOf":3})", {"9", "0", "-6"}, {"10", "1.5"}},
         {R"({"minimum":9223372036854775807})", {"9223372036854775807"}, {"9223372036854775806"}},
         {R"({"minLength":2,"maxLength":3})",
          {R"("ab")", R"("äöü")", "1"},
          {R"("a")", R"("äöüß")"}},
         {R"({"pattern":"^v[0-9]+$"})", {R"("v12")", "12"}, {R"("v")", R"("xv1")"}}});
}

// As they are written: the double nearest to 0.1 is no tenth.
TEST(JsonSchema, HoldsNumbersToWhatTheyAreMultiplesOf) {
    expect_all({{R"({"multipleOf":0.01})",
                 {"12345678.90", "12345678.91", "-0.07", "1e300", "0", "-0.0"},
                 {"12345678.905", "123456789012.345", "1e-300"}},
                {R"({"multipleOf":2.5})", {"4000000000", "9007199254740990"}, {"4000000001"}},
                {R"({"multipleOf":1e-10})", {"0.1234567891", "1"}, {"0.12345678912"}},
                {R"({"multipleOf":7})", {"9223372036854775807", "7e20"}, {"1e20", "8"}},
                {R"({"multipleOf":18446744073709551615})", {"18446744073709551615"}, {"1e19"}},
                {R"({"multipleOf":1e20})", {"3e20", "100000000000000000000"}, {"1e19"}},
                // Doubles that are shortest when all their digits are written.
                {R"({"multipleOf":18446744073709551616})",
                 {"0", "18446744073709551616"},
                 {"1", "7", "123456789012345667584"}},
                {R"({"multipleOf":7})", {"0"}, {"18446744073709551616", "1180591620717411303424"}},
                {R"({"multipleOf":2})", {"18446744073709551616", "123456789012345667584"}, {}}});
    EXPECT_THAT(judged(R"({"multipleOf":0.5})", "0.75"),
                ElementsAre(Reason{"", "is no multiple of 0.5"}));
}

TEST(JsonSchema, TakesEqualNumbersForEqualHoweverTheyAreWritten) {
    expect_all(
        {{R"({"const":100000000000000000})", {"1e17", "100000000000000000.0"}, {"1.1e17"}},
         {R"({"enum":[1e17,-1e18,1e19]})",
          {"100000000000000000", "-1000000000000000000", "10000000000000000000"},
          {"100000000000000001", "1e20"}},
         {R"({"uniqueItems":true})",
          {"[9007199254740993,9007199254740992.0]", "[0.1,0.2]"},
          {"[1e17,100000000000000000]", "[0,-0.0]",
           "[18446744073709549568,18446744073709549568.0]"}},
         {R"({"const":["ab","c"]})", {R"(["ab","c"])"}, {R"(["a","bc"])", R"(["ab",["c"]])"}}});
}

TEST(JsonSchema, HoldsArraysToTheirItems) {
    expect_all({{R"({"items":{"type":"integer"}})", {"[]", "[1,2]", "{}"}, {"[1,\"a\"]"}},
                {R"({"prefixItems":[{"type":"string"}],"items":{"type":"integer"}})",
                 {"[\"a\",1,2]", "[]"},
                 {"[1]", "[\"a\",\"b\"]"}},
                {R"({"$schema":"http://json-schema.org/draft-07/schema#",
              "items":[{"type":"string"}],"additionalItems":false})",
                 {"[\"a\"]", "[]"},
                 {"[1]", "[\"a\",1]"}},
                {R"({"minItems":1,"maxItems":2})", {"[1]", "[1,2]"}, {"[]", "[1,2,3]"}},
                {R"({"uniqueItems":true})",
                 {"[1,2]", "[[1],[2]]", "[1,\"1\"]"},
                 {"[1,1]", "[1,1.0]", R"([{"a":1,"b":2},{"b":2,"a":1}])"}},
                {R"({"contains":{"type":"string"}})", {"[1,\"a\"]"}, {"[]", "[1]"}},
                {R"({"contains":{"type":"string"},"minContains":2,"maxContains":3})",
                 {"[\"a\",\"b\"]"},
                 {"[\"a\"]", "[\"a\",\"b\",\"c\",\"d\"]"}}});
}

TEST(JsonSchema, HoldsObjectsToTheirMembers) {
    expect_all(
        {{R"({"properties":{"a":{"type":"integer"}},"required":["a"]})",
          {R"({"a":1})", R"({"a":1,"b":2})", "[]"},
          {"{}", R"({"a":"x"})"}},
         {R"({"properties":{"a":true},"additionalProperties":false})",
          {R"({"a":1})"},
          {R"({"b":1})"}},
         {R"({"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":
              {"type":"integer"}})",
          {R"({"x-a":"s","n":1})"},
          {R"({"x-a":1})", R"({"n":"s"})"}},
         {R"({"propertyNames":{"pattern":"^[a-z]+$"}})", {R"({"abc":1})"}, {R"({"A":1})"}},
         {R"({"minProperties":1,"maxProperties":1})", {R"({"a":1})"}, {"{}", R"({"a":1,"b":1})"}},
         {R"({"dependentRequired":{"a":["b"]}})", {"{}", R"({"a":1,"b":1})"}, {R"({"a":1})"}},
         {R"({"dependentSchemas":{"a":{"required":["b"]}}})", {R"({"a":1,"b":1})"}, {R"({"a":1})"}},
         {R"({"$schema":"http://json-schema.org/draft-07/schema",
              "dependencies":{"a":["b"],"c":{"minProperties":3}}})",
          {R"({"a":1,"b":1})"},
          {R"({"a":1})", R"({"c":1})"}}});
}

TEST(JsonSchema, PutsSchemasTogether) {
    expect_all({{R"({"allOf":[{"minimum":1},{"maximum":2}]})", {"1"}, {"0", "3"}},
                {R"({"anyOf":[{"type":"string"},{"minimum":5}]})", {"\"a\"", "5"}, {"4"}},
                {R"({"oneOf":[{"multipleOf":2},{"multipleOf":3}]})", {"2", "3"}, {"6", "1"}},
                {R"({"not":{"type":"null"}})", {"1"}, {"null"}},
                {R"({"if":{"properties":{"k":{"const":"a"}}},"then":{"required":["x"]},
              "else":{"required":["y"]}})",
                 {R"({"k":"a","x":1})", R"({"k":"b","y":1})"},
                 {R"({"k":"a","y":1})", R"({"k":"b"})"}},
                {R"({"$defs":{"port":{"type":"integer","maximum":65535}},
              "properties":{"p":{"$ref":"#/$defs/port","minimum":1}}})",
                 {R"({"p":80})"},
                 {R"({"p":0})", R"({"p":65536})"}},
                {R"({"definitions":{"a/b~c d":{"type":"integer"}},
              "items":{"$ref":"#/definitions/a~1b~0c%20d"}})",
                 {"[1]"},
                 {"[\"a\"]"}},
                // A tree, which refers to itself.
                {R"({"type":"object","properties":{"children":{"items":{"$ref":"#"}}}})",
                 {R"({"children":[{"children":[]},{}]})"},
                 {R"({"children":[{"children":[1]}]})"}}});
}

TEST(JsonSchema, TellsWhereAndWhy) {
    const std::string schema = R"({"properties":{"port":{"type":"integer","maximum":65535},
        "hosts":{"items":{"pattern":"^[a-z]+$"}},"a/b~c":{"const":1}},
        "required":["port"],"additionalProperties":false})";

    EXPECT_THAT(judged(schema, R"({"hosts":["db","DB2"],"a/b~c":2,"x":1})"),
                UnorderedElementsAre(Reason{"", "lacks the member 'port'"},
                                     Reason{"/hosts/1", "does not match the pattern"},
                                     Reason{"/a~1b~0c", "is none of the values allowed"},
                                     Reason{"", "has a member that it may not have: 'x'"}));
    EXPECT_THAT(judged(schema, R"({"port":70000})"),
                ElementsAre(Reason{"/port", "is more than 65535"}));
    EXPECT_THAT(judged(schema, R"({"port":"80"})"), ElementsAre(Reason{"/port", "is not integer"}));
}

TEST(JsonSchema, TellsTenReasonsAtMost) {
    std::string value = "[";
    for (int i = 0; i < 5'000; ++i) value += "\"x\",";
    value.back() = ']';

    const auto reasons = judged(R"({"items":{"type":"integer"}})", value);

    ASSERT_THAT(reasons, SizeIs(JsonSchema::reasons_max));
    EXPECT_EQ(reasons.back(), (Reason{"/9", "is not integer"}));
    const std::string name(100'000, 'n');
    const auto long_name =
        judged(R"({"additionalProperties":{"type":"integer"}})", "{\"" + name + "\":\"\"}");
    ASSERT_THAT(long_name, SizeIs(1));
    EXPECT_LT(long_name[0].pointer.size(), 600U);
}

TEST(JsonSchema, RefusesWhatItCouldNotHoldAValueTo) {
    EXPECT_THAT(refusal("nonsense"), HasSubstr("is not JSON"));
    EXPECT_THAT(refusal("3"), HasSubstr("neither an object nor true or false"));
    EXPECT_THAT(refusal(R"({"$schema":"http://json-schema.org/draft-04/schema#"})"),
                HasSubstr("draft-07 and 2020-12"));
    EXPECT_THAT(refusal(R"({"$ref":"http://example.com/schema"})"), HasSubstr("JSON pointer"));
    EXPECT_THAT(refusal(R"({"$ref":"other.json#/a"})"), HasSubstr("JSON pointer"));
    EXPECT_THAT(refusal(R"({"$ref":"#/$defs/a"})"), HasSubstr("there is nothing"));
    EXPECT_THAT(refusal(R"({"proprties":{}})"), HasSubstr("/proprties"));
    EXPECT_THAT(refusal(R"({"items":[{}]})"), HasSubstr("prefixItems"));
    EXPECT_THAT(refusal(R"({"dependencies":{}})"), HasSubstr("dependentRequired"));
    EXPECT_THAT(refusal(R"({"properties":{"a":{"$id":"x"}}})"), HasSubstr("root"));
    EXPECT_THAT(refusal(R"({"properties":{"a":{"pattern":"("}}})"),
                HasSubstr("at '/properties/a/pattern'"));
    EXPECT_THAT(refusal(R"({"type":"int"})"), HasSubstr("JSON has not"));
    EXPECT_THAT(refusal(R"({"type":"string","type":"null"})"), HasSubstr("twice"));
    for (const auto* schema :
         {R"({"minimum":"1"})", R"({"minLength":-1})", R"({"maxItems":1.5})", R"({"multipleOf":0})",
          R"({"required":"a"})", R"({"enum":1})", R"({"allOf":[]})", R"({"allOf":{}})",
          R"({"properties":[]})", R"({"uniqueItems":1})", R"({"patternProperties":{"(":{}}})",
          R"({"not":1})", R"({"$ref":1})", R"({"unevaluatedProperties":false})",
          R"({"$dynamicRef":"#a"})",
          R"({"$schema":"http://json-schema.org/draft-07/schema#","prefixItems":[{}]})",
          R"({"$schema":"http://json-schema.org/draft-07/schema#","properties":
              {"a":{"$ref":"#","minimum":1}}})"}) {
        EXPECT_NE(refusal(schema), "") << schema;
    }
    EXPECT_EQ(refusal(R"({"title":"t","description":"d","format":"date","x-owner":"me",
        "default":1,"examples":[1],"$comment":"c","$id":"https://example.com/x"})"),
              "");
}

TEST(JsonSchema, RefusesToGoRoundInCircles) {
    EXPECT_THAT(refusal(R"({"$ref":"#"})"), HasSubstr("circle"));
    EXPECT_THAT(refusal(R"({"allOf":[{"$ref":"#"}]})"), HasSubstr("circle"));
    EXPECT_THAT(refusal(R"({"$defs":{"a":{"not":{"$ref":"#/$defs/b"}},
                            "b":{"anyOf":[{"$ref":"#/$defs/a"}]}}})"),
                HasSubstr("circle"));
    EXPECT_EQ(refusal(R"({"items":{"$ref":"#"},"properties":{"a":{"$ref":"#"}}})"), "");
}

std::string nested(std::size_t levels, const std::string& open, const std::string& close,
                   const std::string& core) {
    std::string text;
    for (std::size_t i = 0; i < levels; ++i) text += open;
    text += core;
    for (std::size_t i = 0; i < levels; ++i) text += close;
    return text;
}

// Whoever may write may try: none of these takes long, or the stack.
TEST(JsonSchema, IsNotBroughtDownByWhatIsMeantTo) {
    const auto began = std::chrono::steady_clock::now();
    const auto too_much = HasSubstr("takes too much");

    EXPECT_THAT(refusal(nested(100, R"({"not":)", "}", "{}")), HasSubstr("levels"));
    EXPECT_THAT(judged("{}", nested(500, "[", "]", "")).at(0).text, HasSubstr("64 levels"));
    EXPECT_THAT(judged("{}", nested(100'000, "[", "]", "")).at(0).text, HasSubstr("not JSON"));

    // Twice as much with each level.
    const std::string doubling = R"({"allOf":[{"items":{"$ref":"#"}},{"items":{"$ref":"#"}}]})";
    EXPECT_THAT(judged(doubling, nested(60, "[", "]", "")).at(0).text, too_much);
    const std::string none = R"({"oneOf":[{"items":{"$ref":"#"}},{"items":{"$ref":"#"}}]})";
    EXPECT_THAT(judged(none, nested(60, "[", "]", "")).at(0).text, too_much);

    // A chain of references, as long as there is room for.
    std::string chain = R"({"$ref":"#/$defs/0","$defs":{)";
    for (int i = 0; i < 1'500; ++i) {
        chain +=
            "\"" + std::to_string(i) + R"(":{"$ref":"#/$defs/)" + std::to_string(i + 1) + "\"},";
    }
    chain += R"("1500":{}}})";
    EXPECT_THAT(judged(chain, "1").at(0).text, HasSubstr("too deep"));

    std::string many = "[";
    for (int i = 0; i < 150'000; ++i) many += std::to_string(i) + ",";
    many += "0]";
    EXPECT_THAT(judged(R"({"uniqueItems":true})", many),
                ElementsAre(Reason{"", "has an item twice, the second time at 150000"}));
    EXPECT_THAT(judged(R"({"items":{"type":"integer"}})", many), IsEmpty());
    std::string checks = R"({"allOf":[)";
    for (int i = 0; i < 500; ++i) checks += R"({"uniqueItems":true},)";
    checks.back() = ']';
    EXPECT_THAT(judged(checks + "}", many).at(0).text, HasSubstr("takes too much"));

    const std::string word = '"' + std::string(900'000, 'a') + "!\"";
    EXPECT_THAT(judged(R"({"pattern":"^(a+)+$"})", word), SizeIs(1));
    EXPECT_THAT(judged(R"({"pattern":"(a{1,30}){1,30}$"})", word).at(0).text, too_much);
    EXPECT_THAT(judged(R"({"format":"date"})", '"' + std::string(900'000, '1') + '"'), IsEmpty());

    std::string members = "{";
    for (int i = 0; i < 50'000; ++i) members += "\"" + std::to_string(i) + "\":1,";
    members.back() = '}';
    EXPECT_THAT(judged(R"({"patternProperties":{"^(1+)+$":false}})", members), Not(IsEmpty()));

    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
}

std::string list_of(const std::string& item, std::size_t count) {
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i) text += item + ',';
    text.back() = ']';
    return text;
}

TEST(JsonSchema, ReadsAValueInTheTimeThatItsLengthAllows) {
    const auto began = std::chrono::steady_clock::now();

    EXPECT_THAT(judged("{}", list_of("{}", 300'000)), IsEmpty());
    EXPECT_THAT(judged("{}", list_of("[[]]", 200'000)), IsEmpty());
    EXPECT_THAT(judged("{}", nested(64, R"({"a":)", "}", "1")), IsEmpty());
    EXPECT_THAT(judged("{}", nested(65, "[", "]", "1")), SizeIs(1));

    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

// What is looked for and is not there costs as much as what is.
TEST(JsonSchema, CountsEveryLook) {
    const auto too_much = ElementsAre(Reason{"", std::string(too_much_effort)});
    std::string names, schemas;
    for (int i = 0; i < 4'000; ++i) {
        names += "\"" + std::to_string(i) + "\":[],";
        schemas += "\"" + std::to_string(i) + "\":{},";
    }
    names.back() = schemas.back() = '}';
    const std::string objects = list_of("{}", 100'000);

    EXPECT_THAT(judged(R"({"items":{"dependentRequired":{)" + names + "}}", objects), too_much);
    EXPECT_THAT(judged(R"({"items":{"dependentSchemas":{)" + schemas + "}}", objects), too_much);
}

// A value that many ask about is written once for all of them.
TEST(JsonSchema, WritesAValueOnce) {
    const std::string schema = R"({"allOf":)" + list_of(R"({"not":{"const":0}})", 1'000) + "}";
    const auto compiled = JsonSchema::compile(schema);
    ASSERT_TRUE(compiled);
    const std::string value = list_of("1", 100'000);
    Effort effort;

    EXPECT_THAT(compiled->judge(value, effort), IsEmpty());

    Effort for_one;
    const auto one = JsonSchema::compile(R"({"not":{"const":0}})");
    EXPECT_THAT(one->judge(value, for_one), IsEmpty());
    EXPECT_LT(Effort::most - effort.left, 10 * (Effort::most - for_one.left));
}

TEST(JsonSchema, StopsBeforeItWritesWhatTakesTooMuch) {
    const auto compiled = JsonSchema::compile(R"({"const":0})");
    const std::string value = list_of("1", 500'000);
    Effort effort{.left = 4 * value.size() + 1'000};

    EXPECT_THAT(compiled->judge(value, effort),
                ElementsAre(Reason{"", std::string(too_much_effort)}));
    EXPECT_LT(effort.left, 1'000U) << "not even the half of it";
}

TEST(JsonSchema, IsRefusedWhenItComesToTooMuch) {
    const auto began = std::chrono::steady_clock::now();
    const auto too_large = HasSubstr("is too large: there are more than 65536");
    const auto all_of = [](const std::string& pattern, std::size_t count) {
        return R"({"allOf":)" + list_of(R"({"pattern":")" + pattern + "\"}", count) + "}";
    };

    EXPECT_THAT(refusal(all_of(".{4095}", 2'978)), too_large);
    EXPECT_THAT(refusal(all_of(".{0,2047}", 2'000)), too_large);
    EXPECT_EQ(refusal(all_of("^[a-z]{1,40}$", 500)), "");
    EXPECT_EQ(refusal(R"({"allOf":)" + list_of("{}", 20'000) + "}"), "");
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(JsonSchema, RefusesAValueThatReadersTakeDifferently) {
    EXPECT_THAT(judged(R"({"properties":{"a":{"type":"integer"}}})", R"({"a":"x","a":1})"),
                ElementsAre(Reason{"", "has a member twice in one object"}));
    EXPECT_THAT(judged("{}", "nonsense"), ElementsAre(Reason{"", "is not JSON"}));
}

// It is JSON all the same, and no reader has a value for it.
TEST(JsonSchema, RefusesANumberOutOfRange) {
    const auto out_of_range = ElementsAre(Reason{"", "has a number out of range"});
    const std::string ports = R"({"properties":{"port":{"maximum":65535}}})";
    for (const auto* number : {"1e400", "-1e400", "1E+999999999999"}) {
        EXPECT_THAT(judged(ports, R"({"port":)" + std::string(number) + "}"), out_of_range);
        EXPECT_THAT(judged("true", number), out_of_range);
        EXPECT_THAT(judged(R"({"type":"object"})", R"({"x":[1,)" + std::string(number) + "]}"),
                    out_of_range);
    }
    EXPECT_THAT(judged("true", std::string(400, '9')), out_of_range);
    EXPECT_THAT(judged(ports, R"({"port":1e-400,"x":1e308})"), IsEmpty());
    EXPECT_EQ(refusal(R"({"maximum":1e400})"), "the schema has a number out of range");
}

}  // namespace
}  // namespace gavel::api
