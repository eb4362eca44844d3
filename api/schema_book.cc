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
                                                  std::string_view value, Effort& effort) {
    if (!is_json_type(content_type)) {
        return {{"", "is of type '" + std::string(content_type) + "', which is not JSON"}};
    }
    return schema.judge(value, effort);
}

SchemaBook::Verdict SchemaBook::judge(const Gateway::Schemas& schemas, std::string_view key,
                                      std::string_view content_type, std::string_view value,
                                      Effort& effort) {
    Verdict verdict{.schema = governing(schemas, key), .reasons = {}};
    if (verdict.schema == nullptr) return verdict;
    const auto* schema = read(*verdict.schema, effort);
    if (schema == nullptr) {
        verdict.reasons = {{"", std::string(too_much_effort)}};
    } else if (*schema) {
        verdict.reasons = judge(**schema, content_type, value, effort);
    } else {
        verdict.reasons = {{"", "cannot be judged: " + schema->error().why}};
    }
    return verdict;
}

const Result<JsonSchema, Unfit>* SchemaBook::read(const Schema& schema, Effort& effort) {
    const auto kept = kept_.find(schema.revision);
    if (kept != kept_.end()) return &kept->second;
    // About what it takes, whatever the text is: how many steps its patterns have is bounded.
    constexpr std::uint64_t per_byte = 20;
    if (!effort.spend(schema.text.size() * per_byte)) return nullptr;
    auto read = JsonSchema::compile(schema.text);
    const std::size_t bytes = sizeof(JsonSchema) + (read ? read->bytes() : read.error().why.size());
    if (kept_bytes_ + bytes > kept_bytes_max) {
        kept_.clear();
        kept_bytes_ = 0;
    }
    kept_bytes_ += bytes;
    return &kept_.emplace(schema.revision, std::move(read)).first->second;
}

}  // namespace gavel::api
