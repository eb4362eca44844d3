#pragma once

#include <boost/system/result.hpp>

namespace gavel {

// A value, or why the world said no. For trouble that a caller is expected to meet: bad input, a
// reset connection. A broken promise of our own is an invariant() instead.
template <class T, class E = boost::system::error_code>
using Result = boost::system::result<T, E>;

}  // namespace gavel
