// A worker alone, as `profd --worker` is one.
#include "worker/server.h"

int main() { return profd::RunWorker(3); }
