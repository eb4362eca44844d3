#include "tests/simulation/tenant.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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

Tenant::Tenant(World& world)
    : world_(world),
      prng_(world.settings().seed * 149 + 1),
      squeeze_prng_(world.settings().seed * 151 + 1) {}

void Tenant::start() {
    think();
    squeeze();
}

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

void Tenant::squeeze() {
    const Time every = world_.settings().squeeze_every;
    if (every == 0) return;
    world_.schedule().after(squeeze_prng_.below(2 * every) + 1, [this] {
        if (world_.is_healed()) return;
        ask(world_.member(squeeze_prng_.next()), tight());
        squeeze();
    });
}

Tenant::Made Tenant::tight() {
    const std::string key = "q/" + std::to_string(squeeze_prng_.below(12));
    const std::uint64_t dice = squeeze_prng_.below(20);
    if (dice < 4) {
        return [this](const daemon::Core& core) -> Command { return tight_quota(core, "q/"); };
    }
    if (dice < 6) {
        return [this](const daemon::Core& core) -> Command { return tight_quota(core, ""); };
    }
    if (dice < 13) {
        return [this](const daemon::Core& core) -> Command { return transaction(core); };
    }
    if (dice < 15) {
        return [back = squeeze_prng_.below(60)](const daemon::Core& core) -> Command {
            const Revision now = core.machine().applied();
            return RollBack{.target = "q/", .is_prefix = true, .to = now - std::min(now, back)};
        };
    }
    if (dice < 16) return [](const daemon::Core&) -> Command { return DeletePrefix{.key = "q"}; };
    if (dice < 17) {
        return
            [](const daemon::Core&) -> Command { return OpenSession{.name = "q", .ttl = 1'000}; };
    }
    if (dice < 18) {
        return [](const daemon::Core&) -> Command {
            return AcquireLock{.name = "q", .wait = 500, .ttl = 1'000};
        };
    }
    return [key, size = squeeze_prng_.below(8)](const daemon::Core& core) -> Command {
        return judged(core, key, size);
    };
}

// Mostly so that the next but one has no room, or that there is too much already.
SetQuota Tenant::tight_quota(const daemon::Core& core, const std::string& prefix) {
    SetQuota quota{.prefix = prefix};
    if (squeeze_prng_.chance(30)) return quota;
    std::uint64_t keys = 0, bytes = 0;
    for (const auto& value : core.machine().keys(prefix, "", SIZE_MAX)) {
        ++keys;
        bytes += value->key.size() + value->value.size();
    }
    const auto around = [this](std::uint64_t present, std::uint64_t more) {
        return squeeze_prng_.chance(25) ? present / 2 : present + squeeze_prng_.below(more);
    };
    if (squeeze_prng_.chance(60)) quota.bounds.bytes = around(bytes, 60);
    if (squeeze_prng_.chance(50)) quota.bounds.keys = around(keys, 4);
    if (prefix.empty() && squeeze_prng_.chance(50)) {
        quota.bounds.sessions = around(core.machine().sessions().size(), 4);
    }
    return quota;
}

Transact Tenant::transaction(const daemon::Core& core) {
    const auto key = [this] { return "q/" + std::to_string(squeeze_prng_.below(12)); };
    const auto branch = [&] {
        std::vector<Operation> operations;
        do {
            const std::uint64_t dice = squeeze_prng_.below(10);
            if (dice < 6) {
                PutKey put = judged(core, key(), squeeze_prng_.below(60));
                operations.emplace_back(PutOperation{
                    .key = put.key, .value = std::move(put.value), .schema = put.schema});
            } else {
                const bool all = dice == 9;
                operations.emplace_back(DeleteOperation{all ? "q" : key(), all});
            }
        } while (squeeze_prng_.chance(60));
        return operations;
    };
    Transact command{.then = branch(), .otherwise = branch()};
    while (squeeze_prng_.chance(40)) {
        const bool exists = squeeze_prng_.chance(50);
        command.compares.push_back(
            {.kind = exists ? Compare::Kind::exists : Compare::Kind::absent, .name = key()});
    }
    return command;
}

void Tenant::ask(Member& member, Made command) {
    member.call(
        [command = std::move(command)](daemon::Core& core, std::uint64_t ticket) {
            core.submit(ticket, {command(core), {}, std::chrono::milliseconds(1'000)});
        },
        [](const daemon::Core*, const daemon::Turn::Answer*) {});
}

}  // namespace gavel::simulation
