"""profd's profile of a Go program beside the one that the program's own runtime makes of the same seconds."""

import concurrent.futures
import math
import re
import urllib.request

from tests.e2e import pprof_reader
from tests.e2e.fixture import SOAK, DaemonCase, go_target

SECONDS = 30 if SOAK else 12
TOP = 20
# Two samples of the same thing: the shares of a function differ by more than that many standard errors once in 15,000
# times (two-sided); some 30 functions are compared.
STANDARD_ERRORS = 4
# The runtime's own functions run in bursts (garbage collection, above all) that are longer than the time between two
# samples: their number has twice the variance. Of runtime.systemstack a failing run of 30 s had 4.4 plain standard
# errors; four more -1.4, 0.6, 1.4 and 2.3, whose mean square is 2.4.
IN_BURSTS = math.sqrt(2)


# The runtime's timer signal often comes together with its preemption signal. That is handled first, and has the
# goroutine call this function next: there the timer's finds it, though no time was spent in it.
PREEMPTED = "runtime.asyncPreempt"


def shares(profile):
    """Shares of all samples by function, type arguments as tracebacks have them: "[...]". The runtime's profile has no
    functions of the kernel."""
    total = profile.total()
    sums = {}
    for name, count in profile.user_cum().items():
        name = re.sub(r"\[.*\]", "[...]", name)
        sums[name] = sums.get(name, 0) + count / total
    return sums, total


class SelfProfile(DaemonCase):
    flags = ("--sample-hz", "99")  # the runtime's: 100

    def both(self, toolchain):
        program = self.use(go_target("selfprofile", toolchain=toolchain))
        truth = program.event("ready")
        self.daemon.record(truth["pid"], 2)  # by then profd knows the program
        address = f"http://127.0.0.1:{truth['port']}/debug/pprof/profile?seconds={SECONDS}"
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answer = pool.submit(lambda: urllib.request.urlopen(address, timeout=SECONDS + 60).read())
            ours = self.daemon.record(truth["pid"], SECONDS)
            path = self.daemon.home / f"self-{toolchain}.pb.gz"
            path.write_bytes(answer.result())
        return pprof_reader.read(path), ours

    def test_the_top_functions_have_the_same_shares(self):
        for toolchain in ("go1.19.13", "go1.23.12", "go1.27.4"):
            with self.subTest(toolchain=toolchain):
                (theirs, n_theirs), (ours, n_ours) = map(shares, self.both(toolchain))
                self.assertGreater(min(n_theirs, n_ours), 50 * SECONDS, "hardly sampled")
                compared = set()
                for of in (theirs, ours):
                    compared.update(sorted(of.keys() - {PREEMPTED}, key=of.get)[-TOP:])
                apart = {}
                for name in compared:
                    a, b = theirs.get(name, 0), ours.get(name, 0)
                    both = (a * n_theirs + b * n_ours) / (n_theirs + n_ours)
                    error = math.sqrt(both * (1 - both) * (1 / n_theirs + 1 / n_ours))
                    if name.startswith("runtime."):
                        error *= IN_BURSTS
                    if abs(a - b) > STANDARD_ERRORS * error:
                        apart[name] = (f"{a:.3f}", f"{b:.3f}", f"{abs(a - b) / error:.1f} standard errors")
                self.assertFalse(apart)
