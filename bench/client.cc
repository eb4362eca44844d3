#include "bench/client.h"

namespace gavel::bench {

namespace {

constexpr Answer not_here{false, Client::unsupported, 0};

}  // namespace

void Client::end_session(std::string_view, Done done) { done(not_here); }
void Client::lock_another(std::uint64_t, Done done) { done(not_here); }
void Client::lock_shared(std::uint64_t, Done done) { done(not_here); }
void Client::transact(std::uint64_t, std::uint64_t, Done done) { done(not_here); }
void Client::get_past(std::uint64_t, std::uint64_t, Done done) { done(not_here); }
void Client::put_ephemeral(std::uint64_t, Done done) { done(not_here); }

}  // namespace gavel::bench
