#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/gateway.h"
#include "api/http.h"
#include "api/options.h"
#include "api/places.h"
#include "api/query.h"

namespace gavel::api {

class SchemaBook;
class WatchHub;
class Metrics;

using Task = std::function<void()>;

// Cancels its timer when it goes. Let go of on the HTTP thread.
using Timer = std::shared_ptr<void>;

// Where results come back to: one HTTP thread. Tasks run in the order in which they were posted.
class Mailbox {
public:
    virtual ~Mailbox() = default;
    // From any thread. Changes of the state may overtake the task on their way to the WatchHub.
    virtual void post(Task task) = 0;
    // The same, but no change that comes after it is seen before it: for what starts a watch.
    virtual void post_fenced(Task task) = 0;
    // On the HTTP thread only.
    [[nodiscard]] virtual Timer after(std::chrono::milliseconds delay, Task task) = 0;
};

// What a resource may use, the same for all calls of one HTTP thread.
struct Services {
    Gateway& gateway;
    Mailbox& mailbox;
    WatchHub& hub;
    Metrics& metrics;
    Places& waits;    // Requests that wait for a lock or a change.
    Places& watches;  // Event streams.
    Places& backups;  // Copies of the state under way.
    const ServerOptions& options;
    SchemaBook& schemas;
};

// One request on its way to its answer. Kept alive by whoever owes the answer; touched on its HTTP
// thread only (the callbacks of the Gateway just carry it through the core thread).
class Call : public std::enable_shared_from_this<Call> {
public:
    explicit Call(const Services& given) : services(given) {}
    virtual ~Call() = default;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    // Answers; exactly once. Does nothing when the client has gone.
    virtual void respond(Response response) = 0;

    // Instead of respond(): a stream that goes on until end_stream() or until the client goes.
    struct StreamEvents {
        Task on_gone{};     // Once, later than start_stream(); nothing is called after it.
        Task on_drained{};  // All that was written has left.
    };
    virtual void start_stream(Response head, StreamEvents events) = 0;
    // False: the client has not taken what it was sent so far (ServerOptions::stream_bytes_max);
    // this piece was not sent.
    virtual bool write_stream(std::shared_ptr<const std::string> piece) = 0;
    // What was written still leaves.
    virtual void end_stream() = 0;

    Services services;
    Request request{};
    Parameters parameters{};
    std::string name{};  // Of the lock, key, session or member, from the path, decoded.
    std::string request_id{};
    // While it waits for a lock: one of the bounded number of waiting requests. Goes with the
    // answer or the connection, unlike the place in the lock's queue.
    std::shared_ptr<void> waiting{};
    std::size_t route{};  // Index in routes(), or routes().size() for none.
};
using CallPtr = std::shared_ptr<Call>;

}  // namespace gavel::api
