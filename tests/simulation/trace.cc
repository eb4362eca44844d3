#include "tests/simulation/trace.h"

#include <cstdio>

#include "base/hash.h"

namespace gavel::simulation {

void Trace::finish() {
    ++lines_;
    hash_ = hash64(text_, hash_);
    if (!print_) return;
    text_ += '\n';
    std::fwrite(text_.data() + 1, 1, text_.size() - 1, stdout);
}

}  // namespace gavel::simulation
