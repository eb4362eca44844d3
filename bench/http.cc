#include "bench/http.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "base/invariant.h"

namespace gavel::bench {

namespace {

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    return left.size() == right.size() &&
           std::equal(left.begin(), left.end(), right.begin(), [](char a, char b) {
               const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : int{c}; };
               return lower(a) == lower(b);
           });
}

std::size_t number_in(std::string_view text, int base) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    std::size_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number, base);
    return number;
}

}  // namespace

HttpRequest::HttpRequest(std::string_view method, std::string_view target, std::string_view host,
                         std::string_view body, std::string_view content_type) {
    bytes_.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host);
    if (!body.empty()) {
        bytes_.append("\r\nContent-Type: ").append(content_type);
        bytes_.append("\r\nContent-Length: ").append(std::to_string(body.size()));
    }
    if (body.empty() && (method == "POST" || method == "PUT")) {
        bytes_.append("\r\nContent-Length: 0");
    }
    bytes_.append("\r\n\r\n").append(body);
}

std::size_t HttpRequest::place_of(std::string_view pattern) const {
    const std::size_t place = bytes_.find(pattern);
    invariant(place != std::string::npos, "the pattern stands in the request");
    return place;
}

void HttpRequest::set_digits(std::size_t place, std::size_t width, std::uint64_t number) {
    for (std::size_t i = width; i > 0; --i, number /= 10) {
        bytes_[place + i - 1] = static_cast<char>('0' + number % 10);
    }
}

void HttpConnection::open(const Endpoint& endpoint, Opened opened) {
    ++opens_;
    opened_ = std::move(opened);
    answered_ = nullptr;
    line_ = nullptr;
    expect_ = Expect::head;
    body_.clear();
    connection_.open(endpoint);
}

void HttpConnection::on_open() { std::exchange(opened_, nullptr)(true); }

void HttpConnection::on_lost() {
    if (opened_) return std::exchange(opened_, nullptr)(false);
    if (answered_) std::exchange(answered_, nullptr)(0, {});
}

void HttpConnection::request(std::string_view bytes, Answered answered) {
    answered_ = std::move(answered);
    if (connection_.is_open()) return connection_.send(bytes);
    boost::asio::post(io_, [this] { on_lost(); });
}

void HttpConnection::stream(std::string_view bytes, Answered answered, Line line) {
    line_ = std::move(line);
    request(bytes, std::move(answered));
}

std::size_t HttpConnection::on_bytes(std::string_view bytes) {
    std::size_t done = 0;
    const std::uint64_t opens = opens_;
    while (done < bytes.size() && opens == opens_) {
        const std::size_t taken = parse(bytes.substr(done));
        if (taken == 0) break;
        done += taken;
    }
    return std::min(done, bytes.size());
}

std::size_t HttpConnection::parse(std::string_view bytes) {
    switch (expect_) {
        case Expect::head:
            return parse_head(bytes);
        case Expect::counted:
        case Expect::chunk:
        case Expect::rest:
            return take_body(bytes);
        case Expect::chunk_size:
            return parse_chunk_size(bytes);
        case Expect::chunk_end:
            if (bytes.size() < 2) return 0;
            expect_ = Expect::chunk_size;
            return 2;
        case Expect::trailer: {
            const std::size_t end = bytes.find("\r\n");
            if (end == std::string_view::npos) return 0;
            if (end == 0) on_body_end();
            return end + 2;
        }
    }
    return 0;
}

std::size_t HttpConnection::parse_head(std::string_view bytes) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos || end < 12) return 0;
    status_ = static_cast<int>(number_in(bytes.substr(9, 3), 10));
    expect_ = Expect::rest;
    left_ = 0;

    std::string_view head = bytes.substr(0, end + 2);
    for (head.remove_prefix(head.find("\r\n") + 2); !head.empty();) {
        const std::size_t line_end = head.find("\r\n");
        const std::string_view line = head.substr(0, line_end);
        const std::size_t colon = std::min(line.find(':'), line.size());
        const std::string_view name = line.substr(0, colon);
        if (equal_ignoring_case(name, "content-length")) {
            left_ = number_in(line.substr(colon + 1), 10);
            expect_ = Expect::counted;
        } else if (equal_ignoring_case(name, "transfer-encoding")) {
            expect_ = Expect::chunk_size;
        }
        head.remove_prefix(line_end + 2);
    }
    if (status_ == 204 || status_ == 304) {
        expect_ = Expect::counted;
        left_ = 0;
    }

    if (line_) {
        const auto heard = answered_;
        heard(status_, {});
    }
    if (expect_ == Expect::counted && left_ == 0) on_body_end();
    return end + 4;
}

std::size_t HttpConnection::parse_chunk_size(std::string_view bytes) {
    const std::size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) return 0;
    left_ = number_in(bytes.substr(0, end), 16);
    expect_ = left_ == 0 ? Expect::trailer : Expect::chunk;
    return end + 2;
}

std::size_t HttpConnection::take_body(std::string_view bytes) {
    // Mostly the whole body is here: then it need not be copied.
    if (expect_ == Expect::counted && body_.empty() && !line_) {
        if (bytes.size() < left_) return 0;
        const std::size_t size = std::exchange(left_, 0);
        answer(status_, bytes.substr(0, size));
        return size;
    }
    const std::size_t size = expect_ == Expect::rest ? bytes.size() : std::min(left_, bytes.size());
    body_.append(bytes.substr(0, size));
    if (line_) give_lines();
    if (expect_ == Expect::rest) return size;
    left_ -= size;
    if (left_ > 0) return size;
    if (expect_ == Expect::chunk) {
        expect_ = Expect::chunk_end;
    } else {
        on_body_end();
    }
    return size;
}

void HttpConnection::on_body_end() {
    if (line_) return answer(0, {});
    const std::string body = std::exchange(body_, {});
    answer(status_, body);
}

void HttpConnection::answer(int status, std::string_view body) {
    expect_ = Expect::head;
    line_ = nullptr;
    if (answered_) std::exchange(answered_, nullptr)(status, body);
}

void HttpConnection::give_lines() {
    std::size_t start = 0;
    for (std::size_t end; (end = body_.find('\n', start)) != std::string::npos; start = end + 1) {
        line_(std::string_view{body_}.substr(start, end - start));
    }
    body_.erase(0, start);
}

std::string_view json_field(std::string_view json, std::string_view name) {
    for (std::size_t at = json.find(name); at != std::string_view::npos;
         at = json.find(name, at + 1)) {
        if (at == 0 || json[at - 1] != '"') continue;
        std::string_view rest = json.substr(at + name.size());
        if (!rest.starts_with('"')) continue;
        rest.remove_prefix(std::min(rest.find_first_not_of(' ', 1), rest.size()));
        if (!rest.starts_with(':')) continue;
        rest.remove_prefix(std::min(rest.find_first_not_of(' ', 1), rest.size()));
        if (rest.starts_with('"')) rest.remove_prefix(1);
        return rest.substr(0, rest.find_first_of("\",}] \r\n"));
    }
    return {};
}

std::uint64_t json_number(std::string_view json, std::string_view name) {
    return number_in(json_field(json, name), 10);
}

}  // namespace gavel::bench
