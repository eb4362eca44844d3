#include "cli/endpoint.h"

#include <algorithm>

namespace gavel::cli {

namespace {

constexpr std::string_view default_port = "7400";

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool is_port(std::string_view text) {
    const bool digits =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || text.empty() || text.size() > 5) return false;
    const int number = std::stoi(std::string(text));
    return number >= 1 && number <= 65535;
}

std::string encode(std::string_view text, std::string_view kept) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (is_unreserved(c) || kept.find(c) != std::string_view::npos) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return encoded;
}

}  // namespace

std::string Endpoint::authority() const {
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

std::string Endpoint::url() const { return "http://" + authority(); }

Result<Endpoint, Complaint> parse_endpoint(std::string_view text) {
    const Complaint complaint{"'" + std::string(text) + "' is not an endpoint such as " +
                              std::string(default_endpoint)};
    std::string_view rest = text;
    if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
        if (rest.substr(0, scheme) != "http")
            return Complaint{complaint.text + " (only http is spoken)"};
        rest.remove_prefix(scheme + 3);
    }
    if (rest.ends_with('/')) rest.remove_suffix(1);

    Endpoint endpoint{.host = {}, .port = std::string(default_port)};
    std::string_view after_host;
    if (rest.starts_with('[')) {
        const auto close = rest.find(']');
        if (close == std::string_view::npos) return complaint;
        endpoint.host = rest.substr(1, close - 1);
        after_host = rest.substr(close + 1);
    } else {
        const auto colon = std::min(rest.find(':'), rest.size());
        endpoint.host = rest.substr(0, colon);
        after_host = rest.substr(colon);
    }
    if (!after_host.empty()) {
        if (after_host.front() != ':' || !is_port(after_host.substr(1))) return complaint;
        endpoint.port = after_host.substr(1);
    }
    const bool odd = endpoint.host.find_first_of("/?#@ \t\r\n") != std::string::npos;
    if (endpoint.host.empty() || odd) return complaint;
    return endpoint;
}

Result<std::vector<Endpoint>, Complaint> choose_endpoints(const std::vector<std::string>& flags,
                                                          std::string_view environment) {
    std::vector<std::string> texts = flags;
    while (flags.empty() && !environment.empty()) {
        const auto comma = std::min(environment.find(','), environment.size());
        if (comma > 0) texts.emplace_back(environment.substr(0, comma));
        environment.remove_prefix(std::min(comma + 1, environment.size()));
    }
    if (texts.empty()) texts.emplace_back(default_endpoint);

    std::vector<Endpoint> endpoints;
    for (const auto& text : texts) {
        auto endpoint = parse_endpoint(text);
        if (!endpoint) return endpoint.error();
        endpoints.push_back(*std::move(endpoint));
    }
    return endpoints;
}

std::string encode_path(std::string_view name) { return encode(name, "/"); }

std::string encode_query(std::string_view value) { return encode(value, "/"); }

}  // namespace gavel::cli
