#include "persistence/marks.h"

#include <algorithm>
#include <charconv>

namespace gavel::persistence {
namespace {

constexpr std::string_view promise_key = "promise";
constexpr std::string_view attempt_key = "attempt";
constexpr std::string_view prefix_key = "prefix";
constexpr std::string_view cut_key = "cut";
constexpr std::string_view boot_key = "boot";
constexpr std::string_view runs_key = "runs";
constexpr std::string_view settled_key = "settled";
constexpr std::string_view direct_key = "direct";
constexpr std::string_view diverged_key = "diverged";  // There only when it happened.
constexpr std::string_view retired_key = "retired";    // Likewise.
constexpr std::string_view set_back_key = "set_back";  // Likewise.
constexpr std::string_view peer_prefix = "peer/";

StorageError unreadable(std::string_view what) {
    return {"the log's record of the " + std::string(what) +
            " is damaged: this member can no longer keep its word; remove it and let it join "
            "anew, empty"};
}

}  // namespace

MarkTable::MarkTable(MDB_dbi meta, MDB_dbi promise, std::string_view owner)
    : meta_(meta), promise_(promise), meta_seal_(owner, "meta"), promise_seal_(owner, "promise") {}

Result<Marks, StorageError> MarkTable::read(const lmdb::Transaction& transaction) const {
    const auto highest_promise = promised(transaction);
    if (!highest_promise) return unreadable("promise, in both copies,");
    const auto attempted = number(transaction, attempt_key);
    if (!attempted) return unreadable("highest ballot tried");
    const auto prefix = number(transaction, prefix_key);
    if (!prefix) return unreadable("chosen prefix");
    const auto cut = number(transaction, cut_key);
    if (!cut) return unreadable("cut");
    const auto boot = number(transaction, boot_key);
    if (!boot) return unreadable("boot counter");
    const auto settled = number(transaction, settled_key);
    if (!settled) return unreadable("settled batches");
    const auto direct = number(transaction, direct_key);
    if (!direct) return unreadable("batches beside the journal");
    const auto known_runs = runs(transaction);
    if (!known_runs) return unreadable("latest runs");
    Marks marks{.promised = *highest_promise,
                .attempted = paxos::Ballot::from_number(*attempted),
                .chosen_prefix = {*prefix},
                .cut = {*cut},
                .boot = *boot,
                .settled = *settled,
                .direct = *direct,
                .runs = *known_runs};
    if (transaction.find(meta_, retired_key)) {
        marks.retired = paxos::Slot{number(transaction, retired_key).value_or(0)};
    }
    if (transaction.find(meta_, diverged_key)) {
        marks.diverged = paxos::Slot{number(transaction, diverged_key).value_or(0)};
    }
    if (transaction.find(meta_, set_back_key)) {
        marks.set_back = number(transaction, set_back_key).value_or(0);
    }
    return marks;
}

std::optional<paxos::Ballot> MarkTable::promised(const lmdb::Transaction& transaction) const {
    const auto stored = transaction.find(promise_, promise_key);
    const auto payload = stored ? promise_seal_.open(promise_key, *stored) : std::nullopt;
    const auto second = payload ? unpacked_number(*payload) : std::nullopt;
    const auto first = number(transaction, promise_key);
    if (!first && !second) return std::nullopt;
    return paxos::Ballot::from_number(std::max(first.value_or(0), second.value_or(0)));
}

std::optional<std::vector<proto::Run>> MarkTable::runs(const lmdb::Transaction& transaction) const {
    const auto stored = transaction.find(meta_, runs_key);
    const auto payload = stored ? meta_seal_.open(runs_key, *stored) : std::nullopt;
    return payload ? unpacked_runs(*payload) : std::nullopt;
}

std::optional<std::uint64_t> MarkTable::number(const lmdb::Transaction& transaction,
                                               std::string_view key) const {
    const auto stored = transaction.find(meta_, key);
    const auto payload = stored ? meta_seal_.open(key, *stored) : std::nullopt;
    return payload ? unpacked_number(*payload) : std::nullopt;
}

void MarkTable::put(lmdb::Transaction& transaction, std::string_view key,
                    std::uint64_t number) const {
    meta_seal_.put(transaction, meta_, key, packed(number));
}

void MarkTable::put_promised(lmdb::Transaction& transaction, paxos::Ballot ballot) const {
    put(transaction, promise_key, ballot.number());
    promise_seal_.put(transaction, promise_, promise_key, packed(ballot.number()));
}

void MarkTable::put_attempted(lmdb::Transaction& transaction, paxos::Ballot ballot) const {
    put(transaction, attempt_key, ballot.number());
}

void MarkTable::put_chosen_prefix(lmdb::Transaction& transaction, paxos::Slot slot) const {
    put(transaction, prefix_key, slot.number);
}

void MarkTable::put_cut(lmdb::Transaction& transaction, paxos::Slot slot) const {
    put(transaction, cut_key, slot.number);
}

void MarkTable::put_boot(lmdb::Transaction& transaction, std::uint64_t boot) const {
    put(transaction, boot_key, boot);
}

void MarkTable::put_runs(lmdb::Transaction& transaction,
                         const std::vector<proto::Run>& runs) const {
    meta_seal_.put(transaction, meta_, runs_key, packed(runs));
}

void MarkTable::put_settled(lmdb::Transaction& transaction, std::uint64_t batch) const {
    put(transaction, settled_key, batch);
}

void MarkTable::put_direct(lmdb::Transaction& transaction, std::uint64_t batches) const {
    put(transaction, direct_key, batches);
}

void MarkTable::put_retired(lmdb::Transaction& transaction, paxos::Slot slot) const {
    put(transaction, retired_key, slot.number);
}

void MarkTable::put_diverged(lmdb::Transaction& transaction, paxos::Slot slot) const {
    put(transaction, diverged_key, slot.number);
}

void MarkTable::put_set_back(lmdb::Transaction& transaction, std::uint64_t boot) const {
    put(transaction, set_back_key, boot);
}

void MarkTable::put_acquaintance(lmdb::Transaction& transaction, std::uint16_t member,
                                 const Acquaintance& acquaintance) const {
    meta_seal_.put(transaction, meta_, std::string(peer_prefix) + std::to_string(member),
                   packed(acquaintance));
}

Result<std::map<std::uint16_t, Acquaintance>, StorageError> MarkTable::acquaintances(
    const lmdb::Transaction& transaction) const {
    std::map<std::uint16_t, Acquaintance> known;
    lmdb::Cursor cursor(transaction, meta_);
    for (auto item = cursor.seek(peer_prefix); item && item->key.starts_with(peer_prefix);
         item = cursor.next()) {
        const std::string_view digits = item->key.substr(peer_prefix.size());
        std::uint16_t member = 0;
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), member);
        const auto payload = meta_seal_.open(item->key, item->value);
        const auto acquaintance = payload ? unpacked_acquaintance(*payload) : std::nullopt;
        if (read.ec != std::errc() || !acquaintance) return unreadable("other members");
        known[member] = *acquaintance;
    }
    return known;
}

}  // namespace gavel::persistence
