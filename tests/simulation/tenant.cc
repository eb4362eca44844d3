#include "tests/simulation/tenant.h"

#include <string>
#include <utility>

#include "tests/simulation/world.h"

namespace gavel::simulation {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

namespace {

// As whoever serves HTTP does: by what this member knows now. The value says it, too, so that
// nobody needs to believe the command.
PutKey judged(const daemon::Core& core, std::string key, std::size_t size) {
    Revision governing = 0;
    std::size_t longest = 0;
    for (const auto& schema : core.machine().schemas()) {
        if (!key.starts_with(schema->prefix) || schema->prefix.size() < longest) continue;
        longest = schema->prefix.size();
        governing = schema->revision;
    }
    return {.key = std::move(key),
            .value = Bytes(std::to_string(governing) + '/' + std::string(size, 'v')),
            .schema = governing};
}

}  // namespace

Tenant::Tenant(World& world) : world_(world), prng_(world.settings().seed * 149 + 1) {}

void Tenant::think() {
    world_.schedule().after(prng_.between(20, 400) * millisecond, [this] { act(); });
}

void Tenant::act() {
    if (world_.is_healed()) return;
    Member& member = world_.member(prng_.next());
    if (prng_.chance(2)) member.lack_room(prng_.between(50, 1'000) * millisecond);
    const std::string key = "q/" + std::to_string(prng_.below(12));
    const std::size_t size = prng_.below(60);
    if (prng_.chance(60)) {
        ask(member, [key, size](const daemon::Core& core) { return judged(core, key, size); });
    } else {
        ask(member, [command = rule(key)](const daemon::Core&) { return command; });
    }
    think();
}

Command Tenant::rule(const std::string& key) {
    const std::string prefix = prng_.chance(70) ? "q/" : "q/1";
    switch (prng_.below(4)) {
        case 0:
            return DeleteKey{.key = key};
        case 1:
        case 2: {
            SetQuota quota{.prefix = prefix};
            if (prng_.chance(60)) quota.bounds.bytes = prng_.below(400);
            if (prng_.chance(60)) quota.bounds.keys = prng_.below(10);
            return quota;
        }
        default:
            return SetSchema{.prefix = prefix, .text = prng_.chance(70) ? "{}" : ""};
    }
}

void Tenant::ask(Member& member, std::function<Command(const daemon::Core&)> command) {
    member.call(
        [command = std::move(command)](daemon::Core& core, std::uint64_t ticket) {
            core.submit(ticket, {command(core), {}, std::chrono::milliseconds(1'000)});
        },
        [](const daemon::Core*, const daemon::Turn::Answer*) {});
}

}  // namespace gavel::simulation
