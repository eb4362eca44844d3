#include "daemon/peers.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "daemon/accepted_peer.h"
#include "daemon/dialled_peer.h"
#include "daemon/log.h"
#include "proto/codec.h"

namespace gavel::daemon {

using boost::asio::ip::tcp;

namespace {

constexpr std::size_t strangers_max = 64;  // Connections that have not said hello yet.
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::size_t dialled_max = 256;  // Members, and some that are unknown here yet.

Result<std::uint16_t, ConfigError> bind_and_listen(tcp::acceptor& acceptor,
                                                   const Address& address) {
    boost::system::error_code error;
    tcp::resolver resolver(acceptor.get_executor());
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
    if (!error) {
        const tcp::endpoint endpoint = found.begin()->endpoint();
        acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    }
    if (!error) return acceptor.local_endpoint().port();
    boost::system::error_code ignored;
    acceptor.close(ignored);
    return ConfigError{"cannot listen on " + to_string(address) + ": " + error.message()};
}

}  // namespace

class Peers::Impl {
public:
    Impl(boost::asio::io_context& io, Options options, Callbacks callbacks);
    ~Impl() { stop(); }

    Result<std::uint16_t, ConfigError> listen(const Address& address);
    void start();
    void stop();
    void begin_anew(proto::Hello self, std::map<paxos::MemberId, Address> others);
    void set_others(const std::map<paxos::MemberId, Address>& others);
    bool send(paxos::MemberId to, const proto::PeerMessage& message);
    void flush();
    bool connected(paxos::MemberId member) const;
    std::uint64_t dropped() const;

private:
    void accept();
    void dial_others();
    void close_connections();
    void take(tcp::socket socket);
    void dial(paxos::MemberId member, const Address& address);
    void on_welcome(AcceptedPeer& peer, const proto::Hello& hello);
    void on_gone(AcceptedPeer& peer);
    const std::string& encoded(const proto::PeerMessage& message);

    boost::asio::io_context& io_;
    Options options_;
    const Callbacks callbacks_;
    Handshake handshake_;
    tcp::acceptor acceptor_;
    // Refers to nothing once stop() has run: an operation that ends later finds it gone.
    std::shared_ptr<Impl*> alive_ = std::make_shared<Impl*>(this);
    boost::asio::steady_timer accept_timer_;
    std::map<paxos::MemberId, std::shared_ptr<DialledPeer>> dialled_{};
    std::set<std::shared_ptr<AcceptedPeer>> strangers_{};
    std::map<paxos::MemberId, std::shared_ptr<AcceptedPeer>> accepted_{};
    std::uint64_t dropped_before_ = 0;  // By connections that are closed.

    // An Accept goes to every member: it is encoded once per turn.
    struct EncodedAccept {
        paxos::Accept accept{};
        std::string bytes{};
    };
    std::map<paxos::Slot, EncodedAccept> accepts_{};
    std::string encoded_{};
};

Peers::Impl::Impl(boost::asio::io_context& io, Options options, Callbacks callbacks)
    : io_(io),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      handshake_(options_.self, options_.writes, callbacks_.admit),
      acceptor_(io),
      accept_timer_(io) {}

Result<std::uint16_t, ConfigError> Peers::Impl::listen(const Address& address) {
    return bind_and_listen(acceptor_, address);
}

void Peers::Impl::start() {
    if (acceptor_.is_open()) accept();
    dial_others();
}

void Peers::Impl::dial_others() {
    for (const auto& [member, address] : options_.others) dial(member, address);
}

void Peers::Impl::begin_anew(proto::Hello self, std::map<paxos::MemberId, Address> others) {
    close_connections();
    handshake_.set_self(std::move(self));
    options_.others = std::move(others);
    dial_others();
}

void Peers::Impl::dial(paxos::MemberId member, const Address& address) {
    auto& peer = dialled_[member];
    if (peer && !peer->gone()) return;
    peer = std::make_shared<DialledPeer>(io_, options_, member, address, handshake_, callbacks_);
    peer->dial();
}

void Peers::Impl::set_others(const std::map<paxos::MemberId, Address>& others) {
    for (const auto& [member, address] : others) {
        if (member.number != handshake_.self().member) dial(member, address);
    }
    for (const auto& [member, peer] : dialled_) {
        peer->set_retired(!others.contains(member));
    }
    std::erase_if(dialled_, [](const auto& entry) { return entry.second->gone(); });
}

void Peers::Impl::accept() {
    acceptor_.async_accept([alive = alive_](boost::system::error_code error, tcp::socket socket) {
        if (*alive == nullptr) return;
        Impl& self = **alive;
        if (!error) {
            self.take(std::move(socket));
            return self.accept();
        }
        // Out of descriptors, most likely: others may close some.
        self.handshake_.complain("listener", "cannot accept a connection", error.message());
        self.accept_timer_.expires_after(accept_pause);
        self.accept_timer_.async_wait([alive](boost::system::error_code) {
            if (*alive != nullptr) (*alive)->accept();
        });
    });
}

void Peers::Impl::take(tcp::socket socket) {
    if (strangers_.size() >= strangers_max) {
        return handshake_.complain("listener", "refused a connection",
                                   "too many have not said hello yet");
    }
    const auto peer = std::make_shared<AcceptedPeer>(
        io_, options_, handshake_, callbacks_,
        AcceptedPeer::Events{
            .on_welcome = [this](AcceptedPeer& it,
                                 const proto::Hello& hello) { on_welcome(it, hello); },
            .on_gone = [this](AcceptedPeer& it) { on_gone(it); }});
    strangers_.insert(peer);
    peer->start(std::move(socket));
}

void Peers::Impl::on_welcome(AcceptedPeer& peer, const proto::Hello& hello) {
    strangers_.erase(peer.shared_from_this());
    // The newest wins: an older connection is one whose end has not been noticed yet.
    auto& place = accepted_[peer.member()];
    if (place) place->close();
    place = peer.shared_from_this();
    // A member that this one, having been away, does not know yet: it has to be asked, too.
    const auto known = dialled_.find(peer.member());
    if (known != dialled_.end()) known->second->hurry();
    const auto address = parse_address(hello.peer_address);
    if (address && dialled_.size() < dialled_max) dial(peer.member(), *address);
}

void Peers::Impl::on_gone(AcceptedPeer& peer) {
    strangers_.erase(peer.shared_from_this());
    const auto found = accepted_.find(peer.member());
    if (found != accepted_.end() && found->second.get() == &peer) accepted_.erase(found);
}

void Peers::Impl::stop() {
    *alive_ = nullptr;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
    close_connections();
}

void Peers::Impl::close_connections() {
    dropped_before_ = dropped();
    for (const auto& [member, peer] : dialled_) peer->close();
    for (const auto& [member, peer] : accepted_) peer->close();
    for (const auto& peer : strangers_) peer->close();
    dialled_.clear();
    strangers_.clear();
    accepted_.clear();
}

const std::string& Peers::Impl::encoded(const proto::PeerMessage& message) {
    const auto* protocol = std::get_if<paxos::Message>(&message);
    const auto* accept = protocol ? std::get_if<paxos::Accept>(protocol) : nullptr;
    if (accept == nullptr) return encoded_ = proto::encode(message);

    EncodedAccept& kept = accepts_[accept->slot];
    if (kept.bytes.empty() || kept.accept != *accept) kept = {*accept, proto::encode(message)};
    return kept.bytes;
}

bool Peers::Impl::send(paxos::MemberId to, const proto::PeerMessage& message) {
    const auto found = dialled_.find(to);
    if (found == dialled_.end() || !found->second->connected()) return false;
    return found->second->send(urgency(message), encoded(message));
}

void Peers::Impl::flush() {
    accepts_.clear();
    for (const auto& [member, peer] : dialled_) peer->flush();
}

bool Peers::Impl::connected(paxos::MemberId member) const {
    const auto found = dialled_.find(member);
    return found != dialled_.end() && found->second->connected();
}

std::uint64_t Peers::Impl::dropped() const {
    std::uint64_t count = dropped_before_;
    for (const auto& [member, peer] : dialled_) count += peer->dropped();
    return count;
}

Peers::Peers(boost::asio::io_context& io, Options options, Callbacks callbacks)
    : impl_(std::make_unique<Impl>(io, std::move(options), std::move(callbacks))) {}
Peers::~Peers() = default;

Result<std::uint16_t, ConfigError> Peers::listen(const Address& address) {
    return impl_->listen(address);
}
void Peers::start() { impl_->start(); }
void Peers::stop() { impl_->stop(); }
void Peers::begin_anew(proto::Hello self, std::map<paxos::MemberId, Address> others) {
    impl_->begin_anew(std::move(self), std::move(others));
}
void Peers::set_others(const std::map<paxos::MemberId, Address>& others) {
    impl_->set_others(others);
}
bool Peers::send(paxos::MemberId to, const proto::PeerMessage& message) {
    return impl_->send(to, message);
}
void Peers::flush() { impl_->flush(); }
bool Peers::connected(paxos::MemberId member) const { return impl_->connected(member); }
std::uint64_t Peers::dropped() const { return impl_->dropped(); }

Result<void, ConfigError> can_listen(const Address& address) {
    boost::asio::io_context io;
    tcp::acceptor acceptor(io);
    const auto port = bind_and_listen(acceptor, address);
    if (!port) return port.error();
    return {};
}

}  // namespace gavel::daemon
