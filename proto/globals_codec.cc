#include <utility>

#include "proto/codec.h"
#include "proto/state.pb.h"
#include "proto/wire.h"
#include "statemachine/limits.h"

namespace gavel::proto {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

void put_into(const Member& from, schema::Member& to) {
    to.set_id(from.id);
    to.set_name(from.name);
    to.set_peer_address(from.peer_address);
    to.set_role(static_cast<schema::Member::Role>(from.role));
    to.set_incarnation(from.incarnation);
    to.set_wants_vote(from.wants_vote);
}

void put_into(const Epoch& from, schema::Epoch& to) {
    to.set_number(from.number);
    to.set_first_slot(from.first_slot);
    for (const auto& member : from.members) put_into(member, *to.add_members());
}

Member take(schema::Member& from, Check& check) {
    return {.id = check.member(from.id()),
            .name = check.text(from.mutable_name(), label_bytes_max),
            .peer_address = check.text(from.mutable_peer_address(), label_bytes_max),
            .role = check.alternative(from.role(), Role::learner),
            .incarnation = from.incarnation(),
            .wants_vote = from.wants_vote()};
}

Epoch take(schema::Epoch& from, Check& check) {
    Epoch epoch{.number = from.number(), .first_slot = from.first_slot()};
    for (auto& listed : *from.mutable_members()) {
        Member member = take(check.known(listed), check);
        check.that(epoch.members.empty() || epoch.members.back().id < member.id);
        epoch.members.push_back(std::move(member));
    }
    return epoch;
}

Globals take(schema::Globals& from, Check& check) {
    Globals globals{.applied = from.applied(),
                    .time = from.time(),
                    .leader_start = from.leader_start(),
                    .founded_at = from.founded_at(),
                    .alpha = from.alpha()};
    for (auto& epoch : *from.mutable_epochs()) {
        globals.epochs.push_back(take(check.known(epoch), check));
    }
    globals.history_floor = from.history_floor();
    globals.rows_hash = from.rows_hash();
    globals.versions_floor = from.versions_floor();
    globals.next_member = check.member(from.next_member());
    for (auto& removed : *from.mutable_removed()) {
        globals.removed.push_back({.id = check.member(check.known(removed).id()),
                                   .name = check.text(removed.mutable_name(), label_bytes_max),
                                   .first_slot = removed.first_slot()});
    }
    return globals;
}

}  // namespace

std::string encode(const Globals& globals) {
    Scratch<schema::Globals> message;
    message->set_applied(globals.applied);
    message->set_time(globals.time);
    message->set_leader_start(globals.leader_start);
    message->set_founded_at(globals.founded_at);
    message->set_alpha(globals.alpha);
    for (const auto& epoch : globals.epochs) put_into(epoch, *message->add_epochs());
    message->set_history_floor(globals.history_floor);
    message->set_rows_hash(globals.rows_hash);
    message->set_versions_floor(globals.versions_floor);
    message->set_next_member(globals.next_member);
    for (const auto& removed : globals.removed) {
        auto& listed = *message->add_removed();
        listed.set_id(removed.id);
        listed.set_name(removed.name);
        listed.set_first_slot(removed.first_slot);
    }
    return serialized(*message);
}

Result<Globals> decode_globals(std::string_view bytes) {
    return decoded<schema::Globals, Globals>(
        bytes, [](schema::Globals& message, Check& check) { return take(message, check); });
}

}  // namespace gavel::proto
