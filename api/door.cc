#include "api/door.h"

#include <algorithm>

namespace gavel::api {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool all_are(std::string_view text, auto fits) {
    return std::all_of(text.begin(), text.end(), fits);
}

// Without the port; the brackets of an IPv6 address stay.
std::string_view without_port(std::string_view host) {
    if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
    return host.substr(0, host.find(':'));
}

bool is_ipv4(std::string_view host) {
    int parts = 0;
    while (true) {
        std::size_t digits = 0;
        unsigned number = 0;
        while (digits < host.size() && is_digit(host[digits])) {
            number = number * 10 + static_cast<unsigned>(host[digits] - '0');
            if (++digits > 3 || number > 255) return false;
        }
        if (digits == 0) return false;
        ++parts;
        host.remove_prefix(digits);
        if (host.empty()) return parts == 4;
        if (host.front() != '.' || parts == 4) return false;
        host.remove_prefix(1);
    }
}

bool is_bracketed_ipv6(std::string_view host) {
    if (host.size() < 4 || !host.starts_with('[') || !host.ends_with(']')) return false;
    const auto inner = host.substr(1, host.size() - 2);
    return std::all_of(inner.begin(), inner.end(),
                       [](char c) {
                           return is_digit(c) || c == ':' || c == '.' || (c >= 'a' && c <= 'f') ||
                                  (c >= 'A' && c <= 'F');
                       }) &&
           inner.find(':') != std::string_view::npos;
}

bool is_write(Method method) {
    return method != Method::get && method != Method::head && method != Method::options;
}

// RFC 6454: "scheme://host:port"; ours when the rest equals Host.
bool is_own_origin(std::string_view origin, std::string_view host) {
    const auto colon = origin.find("://");
    return colon != std::string_view::npos && lower(origin.substr(colon + 3)) == lower(host);
}

}  // namespace

bool is_host_allowed(std::string_view host, std::span<const std::string> names) {
    const std::string name = lower(without_port(host));
    const auto port = host.substr(name.size());
    const bool port_fits = port.empty() || (port.front() == ':' && port.size() <= 6 &&
                                            all_are(port.substr(1), is_digit));
    if (!port_fits) return false;
    return name == "localhost" || is_ipv4(name) || is_bracketed_ipv6(name) ||
           std::any_of(names.begin(), names.end(),
                       [&](const std::string& each) { return lower(each) == name; });
}

std::optional<Problem> refuse(const Request& request, const DoorRules& rules) {
    const auto* host = request.header("host");
    if (host == nullptr && !request.http_1_0) {
        return Problem{ProblemCode::malformed_request, "there is no Host field"};
    }
    if (host != nullptr && host->find(',') != std::string::npos) {
        return Problem{ProblemCode::malformed_request, "there is more than one Host"};
    }
    if (rules.loopback && host != nullptr && !is_host_allowed(*host, rules.hosts)) {
        return Problem{ProblemCode::host_not_allowed,
                       "this listener is on loopback and serves IP addresses, localhost and the "
                       "configured host names only"};
    }
    const auto* origin = request.header("origin");
    if (origin != nullptr && is_write(request.method) &&
        !is_own_origin(*origin, host != nullptr ? *host : "") &&
        listed_origin(request, rules.origins).empty()) {
        return Problem{
            ProblemCode::origin_not_allowed,
            "writes from web pages of other origins than those of --origins are refused"};
    }
    const auto* expect = request.header("expect");
    if (expect != nullptr && lower(*expect) != "100-continue") {
        return Problem{ProblemCode::expectation_failed, "the only expectation is 100-continue"};
    }
    return std::nullopt;
}

bool is_origin(std::string_view text) {
    constexpr std::string_view mark = "://";
    const auto scheme_end = text.find(mark);
    if (scheme_end == std::string_view::npos) return false;
    const auto scheme = text.substr(0, scheme_end);
    if (scheme != "http" && scheme != "https") return false;
    const auto authority = text.substr(scheme_end + mark.size());
    const auto host = without_port(authority);
    const auto port = authority.substr(host.size());
    const bool port_fits = port.empty() || (port.front() == ':' && port.size() >= 2 &&
                                            port.size() <= 6 && all_are(port.substr(1), is_digit));
    const bool named = !host.empty() && all_are(host, [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
    });
    return port_fits && (named || is_bracketed_ipv6(host)) && lower(text) == text;
}

std::string_view listed_origin(const Request& request, std::span<const std::string> origins) {
    if (origins.empty()) return {};
    const auto* origin = request.header("origin");
    if (origin == nullptr || std::ranges::find(origins, *origin) == origins.end()) return {};
    return *origin;
}

void answer_preflight(std::string_view methods, Response& response) {
    // Without credentials "*" stands for every field; ten minutes without asking again.
    response.add("Access-Control-Allow-Methods", methods);
    response.add("Access-Control-Allow-Headers", "*");
    response.add("Access-Control-Max-Age", "600");
}

std::string_view given_request_id(const Request& request) {
    constexpr std::string_view others = "-_.:+/=@";
    const auto* id = request.header("x-request-id");
    if (id == nullptr || id->empty() || id->size() > 128) return {};
    const bool sane = std::all_of(id->begin(), id->end(), [&](char c) {
        return is_digit(c) || is_letter(c) || others.find(c) != std::string_view::npos;
    });
    return sane ? std::string_view(*id) : std::string_view();
}

}  // namespace gavel::api
