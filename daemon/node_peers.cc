// Node: what lies between this member and the others.

#include <variant>

#include "daemon/admission.h"
#include "daemon/bootstrap.h"
#include "daemon/log.h"
#include "daemon/node_impl.h"
#include "daemon/roster.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

// What another member made durable meanwhile is forgotten with this process.
constexpr std::chrono::seconds note_interval{5};

// Values, to be recorded as accepted or as learned: nearly all that goes to a member's log.
bool brings_records(const proto::PeerMessage& message) {
    const auto* inner = std::get_if<paxos::Message>(&message);
    return inner != nullptr && (std::holds_alternative<paxos::Accept>(*inner) ||
                                std::holds_alternative<paxos::LearnAnswer>(*inner));
}

}  // namespace

proto::Hello Node::Impl::hello() const {
    return {.format_level = proto::format_level,
            .cluster_id = identity_.cluster_id,
            .member = identity_.member,
            .incarnation = identity_.incarnation,
            .boot = boot_,
            .alpha = identity_.alpha,
            .version = options_.version,
            .peer_address = identity_.peer_address,
            .runs = disk_.log().runs()};
}

void Node::Impl::make_peers() {
    Peers::Options options{.self = hello(),
                           .writes = [this] { return disk_.log().writes(); },
                           .others = addresses(),
                           .seed = random_number()};
    options.budget.bulk_bytes = options_.peer_queue_bytes;
    Peers::Callbacks callbacks{
        .admit = [this](const proto::Hello& hello) { return admit(hello); },
        .on_connected = [this](paxos::MemberId, const proto::Hello& hello) { on_connected(hello); },
        .on_message = [this](paxos::MemberId from,
                             proto::PeerMessage message) { receive(from, std::move(message)); },
        .on_writes =
            [this](const proto::Hello& from, std::uint64_t writes) {
                others_.heard(from.member, from.runs.back().id, writes);
            },
        .on_read = [this] { schedule_turn(); },
        .on_down = [this](paxos::MemberId member, bool refused) { on_down(member, refused); },
        .on_farewell = [this](const proto::Farewell& farewell) { on_farewell(farewell); }};
    peers_ = std::make_unique<Peers>(io_, std::move(options), std::move(callbacks));
}

// Where the others are. One that joined has to find them before the state can tell.
std::map<paxos::MemberId, Address> Node::Impl::addresses() const {
    const auto contacts = parse_contacts(identity_.contacts);
    const bool told = identity_.member < globals().next_member;
    auto found = told || !contacts ? addresses_of(globals()) : addresses_with(*contacts, globals());
    found.erase({identity_.member});
    return found;
}

std::optional<Peers::Refusal> Node::Impl::admit(const proto::Hello& hello) {
    const bool dismissed = core_ && core_->is_dismissed(hello.member);
    auto refusal = daemon::admit(hello, globals(), dismissed, others_);
    if (!refusal && core_ && hello.member < globals().next_member) {
        core_->met({hello.member}, hello.incarnation);
    }
    return refusal;
}

// The other one has admitted this member, durably, before it answered.
void Node::Impl::on_connected(const proto::Hello& hello) {
    log::info("connected to member", {{"member", hello.member}, {"boot", hello.boot}});
    others_.on_mutual(hello);
    if (core_) {
        core_->connected({hello.member});
        schedule_turn();
    }
    if (core_ || leaving_ || installing_ || !may_vote()) return;
    log::info("met every initial member");
    make_core();
    schedule_turn();
}

void Node::Impl::on_down(paxos::MemberId member, bool refused) {
    log::info(refused ? "member is gone" : "connection to member broke",
              {{"member", member.number}});
    if (!core_ || !refused) return;
    core_->peer_died(member);
    schedule_turn();
}

void Node::Impl::on_farewell(const proto::Farewell& farewell) {
    if (!is_believed(farewell, globals(), others_)) {
        log::warning("told by a stranger that this member must not go on",
                     {{"member", farewell.hello.member}, {"reason", farewell.reason}});
    } else if (farewell.why == proto::Farewell::Why::set_back) {
        end_set_back(farewell);
    } else {
        retire(farewell.reason);
    }
}

void Node::Impl::receive(paxos::MemberId from, proto::PeerMessage message) {
    if (!core_) return;
    // Any message may be lost, and these are sent again; what was taken could not be.
    if ((disk_.is_overloaded() || lacks_room()) && brings_records(message)) {
        ++messages_refused_;
        return;
    }
    core_->receive(from, std::move(message));
}

// The number of one that joined was never used before, so nobody can have forgotten anything
// under it.
bool Node::Impl::may_vote() const {
    return !identity_.contacts.empty() || founder_may_vote(identity_.member, globals(), others_);
}

// Who is dialled follows the state.
void Node::Impl::follow_members() {
    const auto& epochs = globals().epochs;
    const std::pair window{epochs.front().number, epochs.back().number};
    if (std::exchange(followed_epochs_, window) != window) peers_->set_others(addresses());
}

void Node::Impl::note_others() {
    if (installing_ || Clock::now() - noted_at_ < note_interval) return;
    noted_at_ = Clock::now();
    bool any = false;
    others_.note_writes([&](std::uint16_t member, const persistence::Acquaintance& known) {
        disk_.log().note(member, known);
        any = true;
    });
    if (any) disk_.keep_notes();
}

}  // namespace gavel::daemon
