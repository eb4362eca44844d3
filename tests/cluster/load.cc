#include "tests/cluster/load.h"

#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"

namespace gavel::test {
namespace {

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// What these refuse was not done (docs/http-api.md, Errors).
bool was_not_done(const Answer& answer) {
    if (answer.status != 503) return false;
    const auto code = answer.json().value("code", "");
    return code == "no-leader" || code == "overloaded" || code == "shutting-down";
}

}  // namespace

Load::Load(const Cluster& cluster, std::size_t clients) : cluster_(cluster) {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < cluster.size(); ++i) all.push_back(i);
    use(all);
    for (std::size_t i = 0; i < clients; ++i) {
        threads_.emplace_back([this, i] { run(i); });
    }
}

void Load::use(const std::vector<std::size_t>& members) {
    const std::lock_guard lock(mutex_);
    ports_.clear();
    for (const auto member : members) ports_.push_back(cluster_.port(member));
}

linearizability::History<Register> Load::stop() {
    stopping_ = true;
    for (auto& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
    return history_;
}

bool Load::goes_on(std::size_t answers) const {
    const std::size_t before = answered_;
    return eventually([&] { return answered_ > before + answers; });
}

int Load::port_of(std::size_t turn) const {
    const std::lock_guard lock(mutex_);
    return ports_[turn % ports_.size()];
}

void Load::run(std::size_t number) {
    Prng prng(number + 1);
    std::map<int, Client> clients;
    std::size_t turn = number;
    for (std::uint64_t round = 0; !stopping_; ++round) {
        const int port = port_of(turn);
        Client& client = clients.try_emplace(port, port).first->second;
        const std::string key = "load/" + std::to_string(prng.below(4));
        linearizability::OperationOf<Register> operation{.client = number, .invoked = now_us()};
        Answer answer;
        if (prng.chance(50)) {
            const std::string value = std::to_string(number) + "." + std::to_string(round);
            operation.input = Register::put(value).of(key);
            answer = client.call("PUT", "/v1/config/" + key, value,
                                 {{"Content-Type", "text/plain"}}, 5s);
            if (answer.ok()) {
                operation.output = Register::written(answer.json().value("revision", 0UL));
            }
        } else {
            operation.input = Register::get().of(key);
            answer = client.call("GET", "/v1/config/" + key, "", {}, 5s);
            if (answer.status == 404) operation.output = Register::absent();
            if (answer.ok()) {
                const std::string etag = answer.headers["etag"];
                operation.output =
                    Register::found(answer.body, std::stoull(etag.substr(1, etag.size() - 2)));
            }
        }
        const bool known = answer.ok() || answer.status == 404;
        if (known) {
            operation.returned = now_us();
            note_answer(operation.returned);
        } else {
            ++turn;
        }
        // An unanswered read says nothing.
        if (!known && operation.input.kind == Register::Input::Kind::get) continue;
        if (!known && was_not_done(answer)) continue;
        const std::lock_guard lock(mutex_);
        history_.push_back(std::move(operation));
    }
}

void Load::note_answer(std::int64_t at) {
    ++answered_;
    const std::lock_guard lock(mutex_);
    if (last_answer_us_ != 0) {
        longest_gap_us_ = std::max<std::int64_t>(longest_gap_us_, at - last_answer_us_);
    }
    last_answer_us_ = at;
}

void expect_linearizable(const linearizability::History<Register>& history) {
    const auto report = linearizability::check_by_object(Register{}, history, 5'000'000);
    EXPECT_EQ(report.verdict, linearizability::Verdict::linearizable)
        << "key " << report.key.value_or("") << " in a history of " << history.size();
}

}  // namespace gavel::test
