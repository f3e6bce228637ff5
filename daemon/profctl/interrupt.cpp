#include "profctl/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace profd::profctl {
namespace {

// Signal handlers reach nothing but such a variable.
volatile std::sig_atomic_t requested = 0;

void OnSignal(int) { requested = 1; }

}  // namespace

Interrupt::Interrupt() {
  requested = 0;
  struct sigaction action {};
  action.sa_handler = OnSignal;
  // Back to the default with the first one.
  action.sa_flags = SA_RESETHAND;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

Interrupt::~Interrupt() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
}

bool Interrupt::Requested() { return requested != 0; }

}  // namespace profd::profctl
