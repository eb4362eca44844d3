#pragma once

#include <string>

namespace gavel::cli {

// What is wrong with something a person typed, as a sentence for that person.
struct Complaint {
    std::string text{};
};

}  // namespace gavel::cli
