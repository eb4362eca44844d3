#include <algorithm>

#include "api/key_response.h"
#include "api/resources.h"

namespace gavel::api {
namespace {

using statemachine::KeysAt;
using statemachine::KeyValue;
using statemachine::Machine;
using statemachine::Ptr;
using statemachine::Revision;

struct Asked {
    std::string prefix{};
    PageAt page{};
    bool keys_only{};
};

struct Listed {
    KeysAt page{};
    Revision revision{};
    Revision applied{};
};

Result<Asked, Problem> parse_list(const Call& call) {
    auto page = page_at(call);
    if (!page) return page.error();
    const auto keys_only = call.parameters.flag("keys_only");
    if (!keys_only) return keys_only.error();
    auto prefix = prefix_of(call);
    if (!prefix) return prefix.error();
    const auto revision = call.parameters.number("revision");
    if (!revision) return revision.error();
    if (*revision && page->revision && *revision != page->revision) {
        return bad_parameter("revision", "is not that of the cursor");
    }
    if (!page->revision) page->revision = *revision;
    return Asked{*std::move(prefix), *std::move(page), *keys_only};
}

Listed take(const Machine& state, const Asked& asked) {
    const auto& page = asked.page;
    Listed listed{.revision = page.revision.value_or(state.applied()), .applied = state.applied()};
    if (listed.revision < listed.applied) {
        listed.page = state.keys_at(asked.prefix, page.after, page.limit, listed.revision);
        return listed;
    }
    auto keys = state.keys(asked.prefix, page.after, page.limit + 1);
    listed.page.more = keys.size() > page.limit;
    if (listed.page.more) keys.pop_back();
    if (!keys.empty()) listed.page.last = keys.back()->key;
    listed.page.keys = std::move(keys);
    return listed;
}

// How many keys make the page: no more once their values are many bytes.
std::size_t page_size(const std::vector<Ptr<KeyValue>>& keys, bool keys_only) {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (count < keys.size() && bytes < page_bytes_max) {
        if (!keys_only) bytes += keys[count]->value.size();
        ++count;
    }
    return count;
}

Response render(const Call& call, const Listed& listed, bool keys_only) {
    if (listed.revision > listed.applied) {
        return problem_response(call, in_the_future(listed.revision, listed.applied));
    }
    const auto& [keys, last, more, forgotten] = listed.page;
    if (forgotten) return problem_response(call, compacted(forgotten->key, forgotten->oldest));
    const auto count = page_size(keys, keys_only);
    JsonWriter json;
    json.open('{').number("revision", listed.revision).key("items").open('[');
    for (std::size_t i = 0; i < count; ++i) write_item(json, *keys[i], !keys_only);
    std::string next;
    if (count < keys.size()) {
        next = place_at(listed.revision, keys[count - 1]->key);
    } else if (more) {
        next = place_at(listed.revision, last);
    }
    return end_page(json, call, next);
}

}  // namespace

void list_keys(const CallPtr& call) {
    auto asked = parse_list(*call);
    if (!asked) return respond(call, asked.error());
    auto options = read_options(*call);
    if (!options) return respond(call, options.error());
    // The next page may be asked of a member that has not come as far as the one before.
    if (call->parameters.find("cursor") != nullptr) {
        options->min_revision = std::max(options->min_revision, *asked->page.revision);
    }
    const bool keys_only = asked->keys_only;
    read(
        call, *options,
        [asked = *std::move(asked)](const Machine& state) { return take(state, asked); },
        [keys_only](const Call& back, const Listed& listed) {
            return render(back, listed, keys_only);
        });
}

}  // namespace gavel::api
