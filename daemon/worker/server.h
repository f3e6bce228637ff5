// The worker's side: what `profd --worker` does. It runs in a process of its own, which profd launched and distrusts.
#pragma once

namespace profd {

/// Locks the process up (see sandbox.h), then answers questions about one object from `socket` until profd closes it.
/// Call it first in main, while there is one thread. Returns the exit code; 0 when profd closed the connection.
int RunWorker(int socket);

}  // namespace profd
