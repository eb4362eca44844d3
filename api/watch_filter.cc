#include "api/watch_filter.h"

#include <algorithm>
#include <variant>

namespace gavel::api {
namespace {

bool any_prefix(const std::vector<std::string>& prefixes, std::string_view name) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
}

}  // namespace

Subject subject_of(const statemachine::EventBody& body) {
    using namespace statemachine;  // NOLINT(google-build-using-namespace)
    using Kind = Subject::Kind;
    if (const auto* put = std::get_if<KeyPutEvent>(&body)) return {Kind::key, put->value->key};
    if (const auto* deleted = std::get_if<KeyDeletedEvent>(&body)) {
        return {Kind::key, deleted->key};
    }
    if (const auto* lock = std::get_if<LockEvent>(&body)) return {Kind::lock, lock->lock};
    return {Kind::member, {}};
}

bool WatchFilter::matches(const statemachine::EventBody& body) const {
    const auto [kind, name] = subject_of(body);
    if (kind == Subject::Kind::member) return members;
    if (kind == Subject::Kind::lock) return any_prefix(locks, name);
    return any_prefix(prefixes, name) || std::find(keys.begin(), keys.end(), name) != keys.end();
}

}  // namespace gavel::api
