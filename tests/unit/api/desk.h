#pragma once

#include <gtest/gtest.h>

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
#include "tests/unit/api/contract.h"
#include "tests/unit/api/fake_gateway.h"

namespace gavel::api::testing {

// A call without a connection: what it was answered is there to be looked at.
class FakeCall : public Call {
public:
    using Call::Call;

    void respond(Response response) override {
        if (answer) ++answers_too_many;
        waiting.reset();
        hold_to_contract(response, request.method != Method::head);
        answer = std::move(response);
    }
    void start_stream(Response head, StreamEvents given) override {
        hold_to_contract(head, false);
        answer = std::move(head);
        streaming = true;
        events = std::move(given);
    }
    bool write_stream(std::shared_ptr<const std::string> piece) override {
        if (ended || !takes) return false;
        stream += *piece;
        return true;
    }
    void end_stream() override { ended = true; }

    // Every answer of every test is one that docs/openapi.yaml allows.
    void hold_to_contract(const Response& response, bool with_body) const {
        if (route >= routes().size()) return;
        for (const auto& fault : Contract::faults(routes()[route], response, with_body)) {
            ADD_FAILURE() << to_string(request.method) << ' ' << request.target << ": " << fault;
        }
    }

    nlohmann::json json() const { return nlohmann::json::parse(answer.value().body); }
    unsigned status() const { return answer ? answer->status : 0; }
    std::string code() const { return json().at("code"); }
    std::string field(std::string_view field_name) const {
        return std::string(answer.value().field(field_name));
    }

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
                  std::vector<statemachine::Member> members = {a_member(1), a_member(2)})
        : options(std::move(given)), gateway(limits, std::move(members)) {
        subscription_ = gateway.subscribe([this](const Gateway::Changes& changes) {
            if (hub.attended())
                post([this, changes] { hub.on_changes(*changes, gateway.history_id()); });
        });
    }

    // The clients go first: a stream holds its call, and its call what the stream is told by.
    ~Desk() override {
        for (const auto& weak : calls_) {
            if (const auto call = weak.lock()) call->events = {};
        }
    }
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    void post(Task task) override { mail_.push_back(std::move(task)); }
    void post_fenced(Task task) override { mail_.push_back(std::move(task)); }
    Timer after(std::chrono::milliseconds delay, Task task) override {
        return timers_.add(now_ + delay, std::move(task));
    }

    bool take_one() {
        if (mail_.empty()) return false;
        const auto task = std::move(mail_.front());
        mail_.pop_front();
        task();
        return true;
    }
    void take_mail() {
        while (take_one()) {
        }
    }
    void pass(std::chrono::milliseconds time) {
        now_ += time;
        timers_.run_due(now_);
        hub.tick(now_);
        take_mail();
    }

    using Headers = std::vector<Header>;
    // Sends a request without taking the mail: the answer may still be on its way.
    std::shared_ptr<FakeCall> send(Method method, const std::string& target,
                                   const std::string& body = "", Headers headers = {}) {
        const Services services{gateway, *this,   hub,     metrics, waits,
                                watches, backups, options, schemas};
        auto call = std::make_shared<FakeCall>(services);
        call->request.method = method;
        call->request.target = target;
        call->request.body = body;
        call->request.headers = std::move(headers);
        call->request_id = "r1";
        calls_.push_back(call);
        dispatch(call);
        return call;
    }
    std::shared_ptr<FakeCall> ask(Method method, const std::string& target,
                                  const std::string& body = "", Headers headers = {}) {
        auto call = send(method, target, body, std::move(headers));
        take_mail();
        return call;
    }
    auto get(const std::string& target, Headers headers = {}) {
        return ask(Method::get, target, "", std::move(headers));
    }
    auto put(const std::string& target, const std::string& body = "", Headers headers = {}) {
        return ask(Method::put, target, body, std::move(headers));
    }
    auto post(const std::string& target, const std::string& body = "", Headers headers = {}) {
        return ask(Method::post, target, body, std::move(headers));
    }
    auto remove(const std::string& target, Headers headers = {}) {
        return ask(Method::remove, target, "", std::move(headers));
    }

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
