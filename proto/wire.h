#pragma once

#include <google/protobuf/arena.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

// What the codec's sources share. Not for other rooms.
namespace gavel::proto {

// A message of the schema for the length of one call. Small ones need no memory but the stack's.
template <class M>
class Scratch {
public:
    Scratch() : arena_(block_.data(), block_.size()) {
        message_ = google::protobuf::Arena::CreateMessage<M>(&arena_);
    }
    M& operator*() { return *message_; }
    M* operator->() { return message_; }

private:
    alignas(8) std::array<char, 2048> block_;
    google::protobuf::Arena arena_;
    M* message_;
};

template <class M>
std::string serialized(const M& message) {
    std::string bytes;
    message.SerializeToString(&bytes);
    return bytes;
}

// Collects whether anything is wrong with a message while it is taken over into a room's own type.
// The taker goes on with what it has, and the result is thrown away at the end.
class Check {
public:
    bool ok() const { return ok_; }
    void that(bool holds) { ok_ = ok_ && holds; }

    // Every message that is taken over passes here: a field that this version does not know would
    // be lost in silence.
    template <class M>
    M& known(M& message) {
        that(message.GetReflection()->GetUnknownFields(message).empty());
        return message;
    }

    std::string text(std::string* from, std::size_t bytes_max) {
        that(from->size() <= bytes_max);
        return std::move(*from);
    }
    Bytes bytes(std::string* from, std::size_t bytes_max) {
        that(from->size() <= bytes_max);
        return from->empty() ? Bytes() : Bytes(std::move(*from));
    }
    std::int64_t duration(std::int64_t ms) {
        that(ms >= 0);
        return ms;
    }
    std::uint16_t member(std::uint32_t number) {
        that(number <= std::numeric_limits<std::uint16_t>::max());
        return static_cast<std::uint16_t>(number);
    }
    // An enumeration of ours that has the numbers of the schema's, 0 to `last`.
    template <class E>
    E alternative(int number, E last) {
        that(number >= 0 && number <= static_cast<int>(last));
        return static_cast<E>(number);
    }

private:
    bool ok_ = true;
};

inline boost::system::error_code malformed() {
    return make_error_code(boost::system::errc::bad_message);
}

// Parses `bytes` and has `take(message, check)` make a T of them. What is parsed must fill as many
// bytes as there are: that rules out repeated fields, padded numbers and spelled-out defaults.
template <class M, class T, class Take>
Result<T> decoded(std::string_view bytes, Take take) {
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        return malformed();
    }
    Scratch<M> message;
    if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        message->ByteSizeLong() != bytes.size()) {
        return malformed();
    }
    Check check;
    T result = take(check.known(*message), check);
    if (!check.ok()) return malformed();
    return result;
}

}  // namespace gavel::proto
