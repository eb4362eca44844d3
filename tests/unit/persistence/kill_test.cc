// Another process writes and is killed in the middle of it: what it said was durable is.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "persistence/state_store.h"
#include "tests/unit/persistence/scratch.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace gavel::persistence {
namespace {

using namespace paxos;  // NOLINT(google-build-using-namespace)

constexpr int acknowledgements = 3;  // The child's descriptor for them.
constexpr std::uint64_t small_map = 64ULL << 20;
constexpr std::uint64_t batch_slots = 10;
constexpr const char* folder_variable = "GAVEL_KILL_TEST_FOLDER";

// What the child says once a batch is durable.
struct Done {
    std::uint64_t batch{};
    std::uint64_t writes{};  // Of the log, over all runs.
};

// Both environments, as a member writes them: the log, and behind it the state.
struct Stores {
    LogStore log;
    StateStore state;

    static Stores open(const std::filesystem::path& folder) {
        LogStore log = LogStore::open({folder, small_map}, sample_identity()).value();
        const Identity owner = log.identity();
        return {std::move(log), StateStore::open({folder, owner, small_map}).value()};
    }
};

void commit_batch(Stores& stores, std::uint64_t batch) {
    std::vector<Record> records;
    for (std::uint64_t i = 0; i < batch_slots; ++i) {
        const std::uint64_t slot = batch * batch_slots + i + 1;
        records.emplace_back(AcceptRecord{{slot}, {{1, {1}}, {"value " + std::to_string(slot)}}});
    }
    const Slot last{(batch + 1) * batch_slots};
    records.emplace_back(PrefixRecord{last});
    stores.log.commit(records);
    if (batch % 3 != 0) return;

    using namespace statemachine;  // NOLINT(google-build-using-namespace)
    const std::string key = "batch";
    const Row row{{Table::keys, key},
                  std::make_shared<const KeyValue>(KeyValue{.key = key, .modified = last.number})};
    stores.state.commit(std::span(&row, 1), {.applied = last.number});
    if (last.number > 100) stores.log.cut({last.number - 100});
}

// The body of the process that is killed.
void write_until_killed(const std::filesystem::path& folder) {
    Stores stores = Stores::open(folder);
    const auto done = stores.log.recover({stores.state.load([](const statemachine::Row&) {})
                                              .value()
                                              .value_or(statemachine::Globals{})
                                              .applied});
    // Meanwhile the log is kept, so that often enough both halves of its journal are in use.
    std::atomic<bool> ended{false};
    std::thread keeper([&] {
        while (!ended) stores.log.settle();
    });
    for (std::uint64_t batch = done->chosen_prefix.number / batch_slots; !ended; ++batch) {
        commit_batch(stores, batch);
        const Done said{batch, stores.log.writes()};
        ended = ::write(acknowledgements, &said, sizeof(said)) != sizeof(said);
    }
    keeper.join();
}

class Writer {
public:
    explicit Writer(const std::filesystem::path& folder) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], acknowledgements);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        std::string self = "/proc/self/exe";
        std::string filter = "--gtest_filter=KilledWriter.*";
        const std::array<char*, 3> arguments{self.data(), filter.data(), nullptr};
        ::setenv(folder_variable, folder.c_str(), 1);
        const int failed =
            ::posix_spawn(&pid_, self.c_str(), &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        read_end_ = ends[0];
        if (failed != 0) throw std::runtime_error("no child");
    }
    ~Writer() { kill(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    // What was committed next; none: the child has ended.
    std::optional<Done> acknowledged() const {
        Done done;
        if (::read(read_end_, &done, sizeof(done)) != sizeof(done)) return std::nullopt;
        return done;
    }

    void kill() {
        if (pid_ == 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    void close() {
        ::close(read_end_);
        read_end_ = -1;
    }

private:
    pid_t pid_ = 0;
    int read_end_ = -1;
};

TEST(KilledWriter, LosesNothingThatItAcknowledgedAndNothingInHalves) {
    // This test runs once more, as the process that writes.
    if (const char* given = std::getenv(folder_variable)) return write_until_killed(given);

    ScratchFolder folder;
    Done last;
    for (int round = 0; round < 8; ++round) {
        {
            Writer writer(folder.path());
            for (int i = 0; i < 5 + 7 * round; ++i) {
                const auto done = writer.acknowledged();
                ASSERT_TRUE(done.has_value()) << "the writer died by itself";
                last = *done;
            }
            writer.kill();
            // What it had acknowledged before the signal reached it.
            while (const auto done = writer.acknowledged()) last = *done;
            writer.close();
        }

        Stores stores = Stores::open(folder.path());
        std::uint64_t modified = 0;
        const auto globals = stores.state.load([&](const statemachine::Row& row) {
            EXPECT_EQ(row.key.key, "batch");
            modified = std::get<statemachine::Ptr<statemachine::KeyValue>>(row.value)->modified;
        });
        const Slot applied{globals.value().value().applied};
        EXPECT_EQ(modified, applied.number) << "the rows are those of the applied slot";
        const Durable durable = stores.log.recover(applied).value();

        ASSERT_GE(durable.chosen_prefix.number, (last.batch + 1) * batch_slots);
        EXPECT_GE(stores.log.writes(), last.writes) << "or the others would take it for set back";
        EXPECT_EQ(durable.chosen_prefix.number % batch_slots, 0U) << "batches are whole";
        EXPECT_TRUE(durable.faulty.empty());
        EXPECT_LE(applied, durable.chosen_prefix);
        EXPECT_EQ(durable.log.size(), durable.chosen_prefix - applied);
        for (const auto& [slot, entry] : durable.log) {
            EXPECT_EQ(entry.proposal.value, Value{"value " + std::to_string(slot.number)});
        }
    }
}

}  // namespace
}  // namespace gavel::persistence
