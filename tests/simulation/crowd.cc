#include "tests/simulation/crowd.h"

#include "tests/simulation/world.h"

namespace gavel::simulation {

Crowd::Crowd(World& world) : world_(world), prng_(world.settings().seed ^ 0x6372'6f77'64ULL) {}

void Crowd::come(Member& through) {
    if (!through.is_up()) return;
    world_.counters().count("sessions abandoned at once");
    const Settings& settings = world_.settings();
    const api::Submission open{
        statemachine::OpenSession{.name = "crowd",
                                  .ttl = static_cast<std::int64_t>(settings.session_ttl_ms),
                                  .lock_delay = static_cast<std::int64_t>(settings.lock_delay_ms)},
        {},
        std::chrono::milliseconds(settings.request_timeout / millisecond)};
    const std::uint64_t size = prng_.between(5, 40);
    for (std::uint64_t i = 0; i < size; ++i) {
        // Most hold a lock, some wait for one that others of them want, and few hold many.
        const std::uint64_t locks = prng_.chance(10) ? prng_.between(4, 20) : prng_.below(3);
        const bool waits = prng_.chance(30);
        through.call(
            [open](daemon::Core& core, std::uint64_t ticket) { core.submit(ticket, open); },
            [this, &through, locks, waits](const daemon::Core*,
                                           const daemon::Turn::Answer* answer) {
                if (answer == nullptr || !through.is_up()) return;
                const auto& result = std::get<daemon::Turn::Submitted>(*answer).result;
                const auto* executed = std::get_if<api::Executed>(&result);
                if (executed == nullptr) return;
                const auto* opened = std::get_if<statemachine::SessionOpened>(&executed->outcome);
                if (opened == nullptr) return;
                for (std::uint64_t n = 0; n < locks; ++n) {
                    const std::string name = "crowd/" + std::to_string(++last_lock_);
                    lock(through, name, opened->session, 0);
                }
                if (waits) lock(through, "crowd", opened->session, 60'000);
            });
    }
}

void Crowd::lock(Member& through, const std::string& name, statemachine::SessionId session,
                 statemachine::DurationMs wait) {
    const api::Submission acquire{
        statemachine::AcquireLock{.name = name, .session = session, .wait = wait},
        {},
        std::chrono::milliseconds(world_.settings().request_timeout / millisecond)};
    through.call(
        [acquire](daemon::Core& core, std::uint64_t ticket) { core.submit(ticket, acquire); },
        [](const daemon::Core*, const daemon::Turn::Answer*) {});
}

}  // namespace gavel::simulation
