#pragma once

#include <string>
#include <string_view>

namespace gavel::cli {

// How two texts differ, line by line, in the form of `diff -u` without its first two lines. Empty:
// they are the same. Where the parts that differ are too long to be compared line by line, the one
// is taken out and the other put in whole.
std::string text_diff(std::string_view from, std::string_view to);

}  // namespace gavel::cli
