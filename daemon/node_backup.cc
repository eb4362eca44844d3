#include "daemon/log.h"
#include "daemon/node_impl.h"
#include "proto/codec.h"

// The part of a node that copies its state to clients.
namespace gavel::daemon {

// Held by an HTTP thread. The member may end before: then there is nothing more to be read.
class Node::Impl::OpenBackup final : public api::Backup {
public:
    OpenBackup(Impl& node, std::shared_ptr<BackupWriter> writer)
        : node_(node), writer_(std::move(writer)) {}

    std::uint64_t applied() const override { return writer_->applied(); }

    void read(std::function<void(Piece)> done) override {
        node_.enter([&node = node_, writer = writer_, done = std::move(done)] {
            const auto piece = std::make_shared<Piece>();
            node.disk_.run_aside(
                [writer, piece] {
                    auto next = writer->next();
                    if (!next) return;
                    piece->bytes = std::make_shared<const std::string>(std::move(next->bytes));
                    piece->last = next->last;
                },
                [piece, done] { done(*piece); });
        });
    }

private:
    Impl& node_;  // HTTP ends before it.
    std::shared_ptr<BackupWriter> writer_;
};

void Node::Impl::backup(statemachine::Revision least, std::chrono::milliseconds timeout,
                        std::function<void(api::BackupResult)> done) {
    if (!core_) return done(api::Failure{unavailable()});
    // Of a state from nothing there is no copy.
    waiting_backups_.push_back(
        {std::max<statemachine::Revision>(least, 1), Clock::now() + timeout, std::move(done)});
    serve_backups();
}

// The state follows the log within two seconds.
void Node::Impl::serve_backups() {
    if (!open_backups_.empty() && state_is_crowded()) {
        log::warning(
            "backups are cut short: the state's map is filling while they hold pages of it",
            {{"map_bytes", disk_.state().map_bytes()}});
        end_backups();
    }
    for (auto& waiting : std::exchange(waiting_backups_, {})) {
        if (!core_ || leaving_) {
            waiting.done(api::Failure{unavailable()});
        } else if (disk_.durable_applied() >= waiting.least) {
            auto snapshot = disk_.snapshot();
            if (snapshot == nullptr) {
                waiting.done(api::Failure{api::Failure::Kind::overloaded});
                continue;
            }
            const BackupHeader header{.format_level = proto::format_level,
                                      .cluster_id = identity_.cluster_id,
                                      .alpha = identity_.alpha,
                                      .member = identity_.member,
                                      .name = identity_.name,
                                      .applied = snapshot->applied()};
            auto writer = std::make_shared<BackupWriter>(std::move(snapshot), header);
            std::erase_if(open_backups_, [](const auto& each) { return each.expired(); });
            open_backups_.push_back(writer);
            log::info("backup", {{"slot", header.applied}});
            waiting.done(std::make_shared<OpenBackup>(*this, std::move(writer)));
        } else if (Clock::now() >= waiting.deadline) {
            waiting.done(api::Failure{api::Failure::Kind::timed_out});
        } else {
            waiting_backups_.push_back(std::move(waiting));
        }
    }
}

// What a snapshot holds is not used again while it is open, and a full map ends the process: a
// backup can be had another time.
bool Node::Impl::state_is_crowded() const {
    return disk_.state().bytes_reached() > disk_.state().map_bytes() / 4 * 3;
}

// A piece may be under way: whoever waits for it, it is not the core.
void Node::Impl::end_backups() {
    std::vector<std::shared_ptr<BackupWriter>> writers;
    for (const auto& weak : std::exchange(open_backups_, {})) {
        if (auto writer = weak.lock()) writers.push_back(std::move(writer));
    }
    disk_.run_aside(
        [writers = std::move(writers)] {
            for (const auto& writer : writers) writer->close();
        },
        [] {});
}

// Their snapshots are of a store that is about to close.
void Node::Impl::close_backups() {
    serve_backups();
    for (const auto& weak : open_backups_) {
        if (const auto writer = weak.lock()) writer->close();
    }
    open_backups_.clear();
}

}  // namespace gavel::daemon
