#pragma once

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/metrics.h"
#include "api/router.h"
#include "api/schema_book.h"
#include "api/timers.h"
#include "api/watch_hub.h"
#include "tests/unit/api/fake_gateway.h"

namespace gavel::api::testing {

// A call without a connection: what it was answered is there to be looked at.
class FakeCall : public Call {
public:
    using Call::Call;
    ~FakeCall() override;

    void respond(Response response) override;
    void start_stream(Response head, StreamEvents given) override;
    bool write_stream(std::shared_ptr<const std::string> piece) override;
    void end_stream() override { ended = true; }

    // Every answer of every test is one that docs/openapi.yaml allows.
    void hold_to_contract(const Response& response, bool with_body) const;

    nlohmann::json json() const;
    unsigned status() const { return answer ? answer->status : 0; }
    std::string code() const;
    std::string field(std::string_view field_name) const;

    std::optional<Response> answer{};
    int answers_too_many{};
    bool streaming{};
    bool ended{};
    bool takes{true};  // The client reads what it is sent.
    std::string stream{};
    StreamEvents events{};
};

// An HTTP thread without a thread: the mail is taken and time passes when the test says so.
class Desk : public Mailbox {
public:
    explicit Desk(ServerOptions given = {}, statemachine::Limits limits = {},
                  std::vector<statemachine::Member> members = {a_member(1), a_member(2)});

    ~Desk() override;
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    void post(Task task) override { mail_.push_back(std::move(task)); }
    void post_fenced(Task task) override { mail_.push_back(std::move(task)); }
    Timer after(std::chrono::milliseconds delay, Task task) override;

    bool take_one();
    void take_mail();
    void pass(std::chrono::milliseconds time);

    using Headers = std::vector<Header>;
    // Sends a request without taking the mail: the answer may still be on its way.
    std::shared_ptr<FakeCall> send(Method method, const std::string& target,
                                   const std::string& body = "", Headers headers = {});
    std::shared_ptr<FakeCall> ask(Method method, const std::string& target,
                                  const std::string& body = "", Headers headers = {});
    std::shared_ptr<FakeCall> get(const std::string& target, Headers headers = {});
    std::shared_ptr<FakeCall> put(const std::string& target, const std::string& body = "",
                                  Headers headers = {});
    std::shared_ptr<FakeCall> post(const std::string& target, const std::string& body = "",
                                   Headers headers = {});
    std::shared_ptr<FakeCall> remove(const std::string& target, Headers headers = {});

    ServerOptions options;
    FakeGateway gateway;
    WatchHub hub{};
    SchemaBook schemas{};
    Metrics metrics{routes().size()};
    Places waits{options.waits_max};
    Places watches{options.watches_max};
    Places backups{options.backups_max};

private:
    std::deque<Task> mail_{};
    std::vector<std::weak_ptr<FakeCall>> calls_{};
    Timers timers_{};
    std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
    std::shared_ptr<void> subscription_{};
};

}  // namespace gavel::api::testing
