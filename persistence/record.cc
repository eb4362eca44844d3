#include "persistence/record.h"

#include <algorithm>

#include "base/crc32c.h"

namespace gavel::persistence {
namespace {

void append(std::string& onto, std::uint64_t number) { append_number(onto, number); }

void append(std::string& onto, std::string_view text) {
    append(onto, text.size());
    onto += text;
}

// Takes packed fields off the front; once something is missing, everything after it is.
class Unpacker {
public:
    explicit Unpacker(std::string_view payload) : rest_(payload) {}

    std::uint64_t number() {
        if (rest_.size() < number_bytes) {
            ok_ = false;
            return 0;
        }
        const std::uint64_t number = number_at_front(rest_);
        rest_.remove_prefix(number_bytes);
        return number;
    }

    std::string text() {
        const std::uint64_t size = number();
        if (size > rest_.size()) {
            ok_ = false;
            return {};
        }
        std::string text(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return text;
    }

    char byte() {
        if (rest_.empty()) {
            ok_ = false;
            return 0;
        }
        const char byte = rest_.front();
        rest_.remove_prefix(1);
        return byte;
    }

    bool ok() const { return ok_; }
    bool complete() const { return ok_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool ok_ = true;
};

}  // namespace

void append_number(std::string& onto, std::uint64_t number, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) onto += static_cast<char>(number >> (8 * i));
}

std::uint64_t number_at_front(std::string_view from, std::size_t bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
        number |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
    }
    return number;
}

Seal::Seal(std::string_view owner, std::string_view table) {
    std::string prefix;
    append(prefix, owner);
    append(prefix, table);
    prefix_ = crc32c(prefix);
}

std::uint32_t Seal::sum(std::string_view key, std::string_view payload) const {
    const char key_bytes[2] = {static_cast<char>(key.size()), static_cast<char>(key.size() >> 8)};
    return crc32c(payload, crc32c(key, crc32c({key_bytes, sizeof(key_bytes)}, prefix_)));
}

void Seal::put(lmdb::Transaction& transaction, MDB_dbi table, std::string_view key,
               std::string_view payload, unsigned flags) const {
    std::string crc;
    append_number(crc, sum(key, payload), bytes);
    char* room = transaction.put(table, key, bytes + payload.size(), flags);
    room = std::copy(crc.begin(), crc.end(), room);
    std::copy(payload.begin(), payload.end(), room);
}

std::optional<std::string_view> Seal::open(std::string_view key, std::string_view stored) const {
    if (stored.size() < bytes) return std::nullopt;
    const std::uint64_t crc = number_at_front(stored, bytes);
    stored.remove_prefix(bytes);
    if (crc != sum(key, stored)) return std::nullopt;
    return stored;
}

std::string owner_of(const Identity& identity) {
    std::string owner;
    append(owner, identity.cluster_id);
    append(owner, identity.member);
    return owner;
}

std::string packed(std::uint64_t number) {
    std::string payload;
    append(payload, number);
    return payload;
}

std::string packed(const Identity& identity) {
    std::string payload;
    append(payload, identity.cluster_id);
    append(payload, identity.name);
    append(payload, std::uint64_t{identity.member});
    append(payload, identity.incarnation);
    append(payload, identity.alpha);
    append(payload, identity.format_level);
    append(payload, identity.initial_cluster);
    append(payload, identity.peer_address);
    append(payload, identity.contacts);
    return payload;
}

namespace {

// Kinds of records, as they stand in the journal.
enum class Kind : char { promise = 'p', attempt = 'a', accept = 'v', chosen = 'c', prefix = 'x' };

struct PackRecord {
    std::string& onto;

    void operator()(const paxos::PromiseRecord& record) const {
        kind(Kind::promise, record.ballot.number());
    }
    void operator()(const paxos::AttemptRecord& record) const {
        kind(Kind::attempt, record.ballot.number());
    }
    void operator()(const paxos::AcceptRecord& record) const {
        kind(Kind::accept, record.slot.number);
        append(onto, record.proposal.ballot.number());
        append(onto, record.proposal.value.command.view());
    }
    void operator()(const paxos::ChosenRecord& record) const {
        kind(Kind::chosen, record.slot.number);
        append(onto, record.value.command.view());
    }
    void operator()(const paxos::PrefixRecord& record) const {
        kind(Kind::prefix, record.slot.number);
    }

private:
    void kind(Kind kind, std::uint64_t number) const {
        onto += static_cast<char>(kind);
        append(onto, number);
    }
};

std::optional<paxos::Record> take_record(Unpacker& fields) {
    const auto kind = static_cast<Kind>(fields.byte());
    const std::uint64_t number = fields.number();
    switch (kind) {
        case Kind::promise:
            return paxos::PromiseRecord{paxos::Ballot::from_number(number)};
        case Kind::attempt:
            return paxos::AttemptRecord{paxos::Ballot::from_number(number)};
        case Kind::accept: {
            const auto ballot = paxos::Ballot::from_number(fields.number());
            return paxos::AcceptRecord{{number}, {ballot, {fields.text()}}};
        }
        case Kind::chosen:
            return paxos::ChosenRecord{{number}, {fields.text()}};
        case Kind::prefix:
            return paxos::PrefixRecord{{number}};
    }
    return std::nullopt;
}

}  // namespace

std::size_t packed_bytes(std::span<const paxos::Record> records) {
    constexpr std::size_t head = sizeof(Kind) + number_bytes;
    std::size_t bytes = 0;
    for (const auto& record : records) {
        bytes += head;
        if (const auto* accept = std::get_if<paxos::AcceptRecord>(&record)) {
            bytes += 2 * number_bytes + accept->proposal.value.command.size();
        } else if (const auto* chosen = std::get_if<paxos::ChosenRecord>(&record)) {
            bytes += number_bytes + chosen->value.command.size();
        }
    }
    return bytes;
}

std::string packed(std::span<const paxos::Record> records) {
    std::string payload;
    payload.reserve(packed_bytes(records));
    for (const auto& record : records) std::visit(PackRecord{payload}, record);
    return payload;
}

std::optional<std::vector<paxos::Record>> unpacked_records(std::string_view payload) {
    Unpacker fields(payload);
    std::vector<paxos::Record> records;
    while (!fields.complete()) {
        auto record = take_record(fields);
        if (!record || !fields.ok()) return std::nullopt;
        records.push_back(std::move(*record));
    }
    return records;
}

std::string packed(const Acquaintance& acquaintance) {
    return packed(acquaintance.incarnation) + packed(acquaintance.boot) + packed(acquaintance.run) +
           packed(acquaintance.writes) + packed(std::uint64_t{acquaintance.mutual});
}

std::string packed(const std::vector<proto::Run>& runs) {
    std::string payload;
    for (const proto::Run& run : runs) payload += packed(run.id) + packed(run.began);
    return payload;
}

std::optional<std::uint64_t> unpacked_number(std::string_view payload) {
    Unpacker fields(payload);
    const std::uint64_t number = fields.number();
    if (!fields.complete()) return std::nullopt;
    return number;
}

std::optional<Acquaintance> unpacked_acquaintance(std::string_view payload) {
    Unpacker fields(payload);
    Acquaintance acquaintance{.incarnation = fields.number(),
                              .boot = fields.number(),
                              .run = fields.number(),
                              .writes = fields.number()};
    const std::uint64_t mutual = fields.number();
    acquaintance.mutual = mutual == 1;
    if (!fields.complete() || mutual > 1) return std::nullopt;
    return acquaintance;
}

std::optional<std::vector<proto::Run>> unpacked_runs(std::string_view payload) {
    Unpacker fields(payload);
    std::vector<proto::Run> runs;
    while (!fields.complete()) {
        runs.push_back({.id = fields.number(), .began = fields.number()});
        if (!fields.ok()) return std::nullopt;
    }
    if (runs.size() > proto::runs_max) return std::nullopt;
    return runs;
}

std::optional<Identity> unpacked_identity(std::string_view payload) {
    Unpacker fields(payload);
    Identity identity;
    identity.cluster_id = fields.text();
    identity.name = fields.text();
    const std::uint64_t member = fields.number();
    identity.member = static_cast<std::uint16_t>(member);
    identity.incarnation = fields.number();
    identity.alpha = fields.number();
    identity.format_level = fields.number();
    identity.initial_cluster = fields.text();
    identity.peer_address = fields.text();
    identity.contacts = fields.text();
    if (!fields.complete() || member != identity.member) return std::nullopt;
    return identity;
}

}  // namespace gavel::persistence
