#include "tests/unit/api/desk.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "tests/unit/api/contract.h"

namespace gavel::api::testing {

FakeCall::~FakeCall() = default;

void FakeCall::respond(Response response) {
    if (answer) ++answers_too_many;
    waiting.reset();
    hold_to_contract(response, request.method != Method::head);
    answer = std::move(response);
}

void FakeCall::start_stream(Response head, StreamEvents given) {
    hold_to_contract(head, false);
    answer = std::move(head);
    streaming = true;
    events = std::move(given);
}

bool FakeCall::write_stream(std::shared_ptr<const std::string> piece) {
    if (ended || !takes) return false;
    for (const auto& fault : Contract::faults(*piece)) {
        ADD_FAILURE() << request.target << ": " << fault;
    }
    stream += *piece;
    return true;
}

void FakeCall::hold_to_contract(const Response& response, bool with_body) const {
    if (route >= routes().size()) return;
    for (const auto& fault : Contract::faults(routes()[route], response, with_body)) {
        ADD_FAILURE() << to_string(request.method) << ' ' << request.target << ": " << fault;
    }
}

nlohmann::json FakeCall::json() const { return nlohmann::json::parse(answer.value().body); }

std::string FakeCall::code() const { return json().at("code"); }

std::string FakeCall::field(std::string_view field_name) const {
    return std::string(answer.value().field(field_name));
}

Desk::Desk(ServerOptions given, statemachine::Limits limits,
           std::vector<statemachine::Member> members)
    : options(std::move(given)), gateway(limits, std::move(members)) {
    subscription_ = gateway.subscribe([this](const Gateway::Changes& changes) {
        if (hub.attended())
            post([this, changes] { hub.on_changes(*changes, gateway.history_id()); });
    });
}

// The clients go first: a stream holds its call, and its call what the stream is told by.
Desk::~Desk() {
    for (const auto& weak : calls_) {
        if (const auto call = weak.lock()) call->events = {};
    }
}

Timer Desk::after(std::chrono::milliseconds delay, Task task) {
    return timers_.add(now_ + delay, std::move(task));
}

bool Desk::take_one() {
    if (mail_.empty()) return false;
    const auto task = std::move(mail_.front());
    mail_.pop_front();
    task();
    return true;
}

void Desk::take_mail() {
    while (take_one()) {
    }
}

void Desk::pass(std::chrono::milliseconds time) {
    now_ += time;
    timers_.run_due(now_);
    hub.tick(now_);
    take_mail();
}

std::shared_ptr<FakeCall> Desk::send(Method method, const std::string& target,
                                     const std::string& body, Headers headers) {
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

std::shared_ptr<FakeCall> Desk::ask(Method method, const std::string& target,
                                    const std::string& body, Headers headers) {
    auto call = send(method, target, body, std::move(headers));
    take_mail();
    return call;
}

std::shared_ptr<FakeCall> Desk::get(const std::string& target, Headers headers) {
    return ask(Method::get, target, "", std::move(headers));
}

std::shared_ptr<FakeCall> Desk::put(const std::string& target, const std::string& body,
                                    Headers headers) {
    return ask(Method::put, target, body, std::move(headers));
}

std::shared_ptr<FakeCall> Desk::post(const std::string& target, const std::string& body,
                                     Headers headers) {
    return ask(Method::post, target, body, std::move(headers));
}

std::shared_ptr<FakeCall> Desk::remove(const std::string& target, Headers headers) {
    return ask(Method::remove, target, "", std::move(headers));
}

}  // namespace gavel::api::testing
