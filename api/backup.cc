#include <utility>

#include "api/resources.h"

namespace gavel::api {
namespace {

Response head() {
    Response response;
    response.add("Content-Type", "application/vnd.gavel.backup").add("Cache-Control", "no-store");
    return response;
}

// One copy on its way to a client: the next piece is read when the last one has left, so a slow
// client holds no more than one.
class Copy : public std::enable_shared_from_this<Copy> {
public:
    Copy(CallPtr call, std::shared_ptr<Backup> backup, std::shared_ptr<void> place)
        : call_(std::move(call)), backup_(std::move(backup)), place_(std::move(place)) {}

    void start() {
        Response response = head();
        response.applied = backup_->applied();
        auto me = shared_from_this();
        // It holds pages of the state: not for ever, however patient the client is.
        timer_ =
            call_->services.mailbox.after(call_->services.options.backup_time, [me] { me->end(); });
        call_->start_stream(std::move(response),
                            {.on_gone = [me] { me->end(); }, .on_drained = [me] { me->read(); }});
        read();
    }

private:
    void read() {
        if (backup_ == nullptr || std::exchange(reading_, true)) return;
        auto& mailbox = call_->services.mailbox;
        backup_->read([&mailbox, me = shared_from_this()](Backup::Piece piece) {
            mailbox.post([me, piece = std::move(piece)] { me->write(piece); });
        });
    }

    void write(const Backup::Piece& piece) {
        reading_ = false;
        if (backup_ == nullptr) return;
        // What is missing at the end is how the client knows.
        if (piece.bytes == nullptr || !call_->write_stream(piece.bytes) || piece.last) end();
    }

    void end() {
        if (backup_ == nullptr) return;
        backup_.reset();
        place_.reset();
        timer_.reset();
        call_->end_stream();
    }

    CallPtr call_;
    std::shared_ptr<Backup> backup_;  // Null: it has ended.
    std::shared_ptr<void> place_;
    Timer timer_{};
    bool reading_{};
};

void copy(const CallPtr& call, statemachine::Revision least, std::chrono::milliseconds timeout,
          std::shared_ptr<void> place) {
    auto& mailbox = call->services.mailbox;
    call->services.gateway.backup(least, timeout, [call, &mailbox, place](BackupResult result) {
        mailbox.post([call, place, result = std::move(result)] {
            if (const auto* failure = std::get_if<Failure>(&result)) {
                return respond(call, to_problem(*failure, false));
            }
            std::make_shared<Copy>(call, std::get<std::shared_ptr<Backup>>(result), place)->start();
        });
    });
}

}  // namespace

// What was acknowledged before it was asked for is in it, unless `stale` says that this does not
// matter: that needs no leader.
void get_backup(const CallPtr& call) {
    const auto options = read_options(*call);
    if (!options) return respond(call, options.error());
    if (call->request.method == Method::head) return call->respond(head());
    auto place = call->services.backups.take();
    if (place == nullptr) {
        return respond(call, {ProblemCode::overloaded, "as many backups as may be are under way"});
    }
    if (options->stale && options->min_revision == 0) {
        return copy(call, 0, options->timeout, std::move(place));
    }
    query(
        call, *options, [](const statemachine::Machine& state) { return state.applied(); },
        [place, timeout = options->timeout](const CallPtr& back, statemachine::Revision applied,
                                            std::uint64_t) { copy(back, applied, timeout, place); },
        [](const CallPtr& back, Failure failure) { respond(back, to_problem(failure, false)); });
}

}  // namespace gavel::api
