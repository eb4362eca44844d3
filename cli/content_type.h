#pragma once

#include <string>
#include <string_view>

namespace gavel::cli {

// What a value looks like: JSON and text are shown as such in lists; what is not UTF-8 is neither,
// nor is what has a NUL.
std::string default_content_type(const std::string& value);

// application/json, …+json, with parameters or without.
bool is_json_type(std::string_view content_type);

// Why a text is not JSON, with the line; empty when it is.
std::string json_complaint(const std::string& text);

}  // namespace gavel::cli
