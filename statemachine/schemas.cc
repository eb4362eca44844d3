#include "statemachine/schemas.h"

#include <utility>

#include "statemachine/digest.h"
#include "statemachine/prefixes.h"

namespace gavel::statemachine {

std::uint64_t digest_of_restored(const RollBackPlan& plan,
                                 const std::function<Revision(std::string_view key)>& governing) {
    Digest digest;
    bool any = false;
    for (const auto& change : plan.changes) {
        if (change.past == nullptr) continue;
        const Revision schema = governing(change.past->key);
        if (schema == 0) continue;
        digest.text(change.past->key).number(change.past->modified).number(schema);
        any = true;
    }
    return any ? digest.value() | 1U : 0;
}

Outcome Schemas::set(Step& step, const SetSchema& command) {
    const auto at = schemas_.find(command.prefix);
    if (command.text.empty()) {
        if (at == schemas_.end()) return RuleNotFound{};
        step.rows.erase(schema_row(command.prefix), at->second.hash);
        schemas_.erase(at);
        return Done{};
    }
    if (at == schemas_.end() && schemas_.size() >= limits_.schemas) {
        return LimitReached{LimitReached::What::schemas};
    }
    auto schema = std::make_shared<const Schema>(Schema{.prefix = command.prefix,
                                                        .text = command.text,
                                                        .author = command.author,
                                                        .revision = step.revision,
                                                        .set_at = step.time});
    const std::uint64_t replaced = at == schemas_.end() ? 0 : at->second.hash;
    const std::uint64_t hash = step.rows.put(schema_row(command.prefix), schema, replaced);
    schemas_.insert_or_assign(command.prefix, Entry{std::move(schema), hash});
    return Done{};
}

Revision Schemas::governing(std::string_view key) const {
    Revision revision = 0;
    for_each_prefix(schemas_, key, [&](const auto& named) {
        revision = named.second.schema->revision;
        return false;
    });
    return revision;
}

void Schemas::load(Ptr<Schema> schema, std::uint64_t hash) {
    const std::string prefix = schema->prefix;
    schemas_.insert_or_assign(prefix, Entry{std::move(schema), hash});
}

std::vector<Ptr<Schema>> Schemas::all() const {
    std::vector<Ptr<Schema>> all;
    for (const auto& [prefix, entry] : schemas_) all.push_back(entry.schema);
    return all;
}

void Schemas::append_rows(std::vector<Row>& rows) const {
    for (const auto& [prefix, entry] : schemas_) rows.push_back({schema_row(prefix), entry.schema});
}

}  // namespace gavel::statemachine
