#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gavel::bench {

using Endpoint = boost::asio::ip::tcp::endpoint;

// One TCP connection with its buffers, cheap enough to share two cores with the servers it loads:
// a send is a plain system call, and nothing is allocated once the buffers have grown. Its
// handler is called from the io_context only, never from inside a call to the connection.
// Neither may be destroyed while the io_context still runs.
class Connection {
public:
    class Handler {
    public:
        virtual void on_open() = 0;
        // Gets all that is unread, gives how much of it is done with.
        virtual std::size_t on_bytes(std::string_view bytes) = 0;
        // It could not be opened, or the other side has gone.
        virtual void on_lost() = 0;

    protected:
        ~Handler() = default;
    };

    Connection(boost::asio::io_context& io, Handler& handler);

    void open(const Endpoint& endpoint);
    void send(std::string_view bytes);
    // Silent: the handler hears nothing more of what was open.
    void close();
    bool is_open() const { return open_; }

private:
    void read();
    void on_read(std::size_t count);
    void write_rest();
    void lose();

    boost::asio::io_context& io_;
    Handler& handler_;
    boost::asio::ip::tcp::socket socket_;
    std::uint64_t run_{};  // Tells the callbacks of an earlier socket from those of this one.
    bool open_{};
    std::vector<char> in_;
    std::size_t in_size_{};
    std::string out_;  // What the kernel would not take yet.
};

}  // namespace gavel::bench
