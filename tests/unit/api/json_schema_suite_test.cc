// The judge against the JSON Schema Test Suite, which other validators are held to, too. Debian has
// it in libtest-json-schema-acceptance-perl; scripts/setup installs that.

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_schema.h"

namespace gavel::api {
namespace {

using nlohmann::json;

const std::filesystem::path suite =
    "/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance/tests";

// What docs/http-api.md says is refused when a schema is set. A schema of the suite is judged by
// rightly or refused for one of these reasons; there is no third.
constexpr std::array documented{
    "a keyword that is not known here",
    "named anew; $schema and $id stand at its root",
    "here a reference is # and a JSON pointer",
    "names a $schema that is not known here",
    "a keyword that 2020-12 has not",
    "which draft-07 ignores",
    "a pattern that has an escape that is not known here",
};

struct Draft {
    const char* folder;
    const char* name;
    int judged_min;  // Of the suite's values, so that refusing all schemas is no way to be right.
};

std::vector<std::filesystem::path> files(const Draft& draft) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(suite / draft.folder)) {
        const auto& path = entry.path();
        // Both drafts leave it to the validator whether these assert anything; here they do not.
        const bool assertion_is_optional =
            path.parent_path().filename() == "format" ||
            (path.parent_path().filename() == "optional" && path.filename() == "content.json");
        if (path.extension() == ".json" && !assertion_is_optional) found.push_back(path);
    }
    std::ranges::sort(found);
    return found;
}

class JsonSchemaSuite : public testing::TestWithParam<Draft> {};

TEST_P(JsonSchemaSuite, IsJudgedRightlyOrRefusedForADocumentedReason) {
    ASSERT_TRUE(std::filesystem::is_directory(suite)) << "scripts/setup installs it";
    int judged = 0;
    for (const auto& path : files(GetParam())) {
        std::ifstream file(path);
        for (const auto& group : json::parse(file)) {
            SCOPED_TRACE(path.filename().string() + ": " +
                         group.at("description").get<std::string>());
            json schema = group.at("schema");
            if (schema.is_object() && !schema.contains("$schema")) {
                schema["$schema"] = GetParam().name;
            }
            const auto compiled = JsonSchema::compile(schema.dump());
            if (!compiled) {
                EXPECT_TRUE(std::ranges::any_of(documented, [&](const std::string_view reason) {
                    return compiled.error().why.find(reason) != std::string::npos;
                })) << compiled.error().why;
                continue;
            }
            for (const auto& test : group.at("tests")) {
                Effort effort;
                const auto reasons = compiled->judge(test.at("data").dump(), effort);
                EXPECT_EQ(reasons.empty(), test.at("valid").get<bool>())
                    << test.at("description") << ": " << schema << " of " << test.at("data");
                ++judged;
            }
        }
    }
    EXPECT_GE(judged, GetParam().judged_min);
}

INSTANTIATE_TEST_SUITE_P(
    Drafts, JsonSchemaSuite,
    testing::Values(Draft{"draft7", "http://json-schema.org/draft-07/schema#", 800},
                    Draft{"draft2020-12", "https://json-schema.org/draft/2020-12/schema", 900}),
    [](const auto& each) { return each.index == 0 ? "Seven" : "Twenty"; });

}  // namespace
}  // namespace gavel::api
