#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "api/gateway.h"
#include "api/json_schema.h"

namespace gavel::api {

// The schemas of the state, read and ready, as far as they were needed lately. Of one HTTP thread.
class SchemaBook {
public:
    struct Verdict {
        statemachine::Ptr<statemachine::Schema> schema{};  // That governs the key; null: none does.
        std::vector<JsonSchema::Reason> reasons{};         // Empty: the value fits.
        statemachine::Revision revision() const { return schema ? schema->revision : 0; }
    };
    Verdict judge(const Gateway::Schemas& schemas, std::string_view key,
                  std::string_view content_type, std::string_view value, Effort& effort);

    // That of the longest prefix.
    static statemachine::Ptr<statemachine::Schema> governing(const Gateway::Schemas& schemas,
                                                             std::string_view key);
    // What is not said to be JSON fits no schema.
    static std::vector<JsonSchema::Reason> judge(const JsonSchema& schema,
                                                 std::string_view content_type,
                                                 std::string_view value, Effort& effort);

    static constexpr std::size_t kept_bytes_max = 16 << 20;  // Of memory, about.
    std::size_t kept_bytes() const { return kept_bytes_; }

private:
    // Null: to read it takes more than is left.
    const Result<JsonSchema, Unfit>* read(const statemachine::Schema& schema, Effort& effort);

    std::map<statemachine::Revision, Result<JsonSchema, Unfit>> kept_;
    std::size_t kept_bytes_ = 0;
};

}  // namespace gavel::api
