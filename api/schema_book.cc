#include "api/schema_book.h"

#include "api/json.h"

namespace gavel::api {

using statemachine::Ptr;
using statemachine::Schema;

Ptr<Schema> SchemaBook::governing(const Gateway::Schemas& schemas, std::string_view key) {
    Ptr<Schema> longest;
    if (schemas == nullptr) return longest;
    for (const auto& schema : *schemas) {
        if (!key.starts_with(schema->prefix)) continue;
        if (longest == nullptr || schema->prefix.size() > longest->prefix.size()) longest = schema;
    }
    return longest;
}

std::vector<JsonSchema::Reason> SchemaBook::judge(const JsonSchema& schema,
                                                  std::string_view content_type,
                                                  std::string_view value) {
    if (!is_json_type(content_type)) {
        return {{"", "is of type '" + std::string(content_type) + "', which is not JSON"}};
    }
    return schema.judge(value);
}

SchemaBook::Verdict SchemaBook::judge(const Gateway::Schemas& schemas, std::string_view key,
                                      std::string_view content_type, std::string_view value) {
    Verdict verdict{.schema = governing(schemas, key), .reasons = {}};
    if (verdict.schema == nullptr) return verdict;
    const auto& schema = read(*verdict.schema);
    if (schema) {
        verdict.reasons = judge(*schema, content_type, value);
    } else {
        verdict.reasons = {{"", "cannot be judged: " + schema.error().why}};
    }
    return verdict;
}

const Result<JsonSchema, Unfit>& SchemaBook::read(const Schema& schema) {
    const auto kept = kept_.find(schema.revision);
    if (kept != kept_.end()) return kept->second;
    if (kept_bytes_ + schema.text.size() > kept_bytes_max) {
        kept_.clear();
        kept_bytes_ = 0;
    }
    kept_bytes_ += schema.text.size();
    return kept_.emplace(schema.revision, JsonSchema::compile(schema.text)).first->second;
}

}  // namespace gavel::api
