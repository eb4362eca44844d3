#pragma once

namespace gavel::simulation {

// Of the sources this was built from, with a "+" when they were changed since; "unknown" outside of
// a repository. Made by cmake/commit.cmake.
const char* commit();

}  // namespace gavel::simulation
