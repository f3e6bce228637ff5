#!/usr/bin/env python3
"""What profd costs, measured side by side with other tools in one run; of several rounds.

    tests/benchmark/run.py [--build DIR] [--rounds N] [NAME...]

Prints a line for each number: what it is, what it was, what it must be at most. Exit 1 when one is missed.
"""

import argparse
import functools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CPUS = os.cpu_count() or 1
RATES = (999, 99)  # Hz
STATS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")

sys.path.insert(0, str(ROOT))


class Report:
    def __init__(self):
        self.missed = []

    def line(self, what, value, unit, limit=None, beside=""):
        verdict = "" if limit is None else f"  at most {limit:g}  {'ok' if value <= limit else 'MISSED'}"
        print(f"{what:<58} {value:10.2f} {unit:<6}{verdict}{beside and '  ' + beside}", flush=True)
        if limit is not None and not value <= limit:
            self.missed.append(what)


def programs():
    """The kernel's run-time statistics: {id: (name, runs, nanoseconds)}."""
    tool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    listed = json.loads(subprocess.run([tool, "-j", "prog", "show"], capture_output=True, check=True).stdout)
    return {one["id"]: (one.get("name", ""), one.get("run_cnt", 0), one.get("run_time_ns", 0)) for one in listed}


def mean_microseconds(before, after, wanted):
    """Mean time of the runs between two readings of the programs with these ids."""
    runs = nanoseconds = 0
    for identity, (_, run_count, run_time) in after.items():
        if identity in wanted:
            _, old_runs, old_time = before.get(identity, ("", 0, 0))
            runs += run_count - old_runs
            nanoseconds += run_time - old_time
    return nanoseconds / runs / 1000 if runs else float("nan")


def process_cpu(pid):
    """User and system time of a process, seconds. Not its children's: what workers have used before counts there when
    they end."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def run_alone(start, stop, name=None, seconds=6):
    """Mean time of the programs that `start` loads, or those of that name, in microseconds. Nothing else samples."""
    others = set(programs())
    started = start()
    try:
        before = programs()
        time.sleep(seconds)
        wanted = {identity for identity in set(before) - others if name in (None, before[identity][0])}
        return mean_microseconds(before, programs(), wanted)
    finally:
        stop(started)


def start_bpftrace(hz):
    peer = subprocess.Popen(["bpftrace", "-e", f"profile:hz:{hz} {{ @[ustack, kstack] = count(); }}"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(4)
    return peer


def stop_bpftrace(peer):
    peer.terminate()
    peer.wait()


def stop_daemon(daemon):
    daemon.terminate()
    daemon.clean()


def bench_sampler(fixture, report, rounds):
    """BPF time for each recorded user sample, every CPU busy in a program of known depth. One tool after the other, in
    turns: at the same time, each would find the caches as the other left them. The least of the rounds counts, since
    whoever else uses the machine's memory only adds; at the lower rate most of it is the caches' time."""
    STATS.write_text("1")
    for frames, limit, arguments in ((20, 5, ("--mode", "ordinary", "--depth", 20)), (100, 9, ("--mode", "ordinary")),
                                     (10_000_000, 30, ("--mode", "direct", "--depth", 10_000_000))):
        ours, theirs = {hz: [] for hz in RATES}, {hz: [] for hz in RATES}
        targets = [fixture.target("recurse_c", *arguments, "--seconds", 600) for _ in range(CPUS)]
        try:
            for one in targets:
                one.event("ready")
            for _ in range(rounds):
                for hz in RATES:
                    daemon = fixture.Daemon("--sample-hz", str(hz))
                    ours[hz].append(run_alone(daemon.start, stop_daemon, "cpu_sampler"))
                    if shutil.which("bpftrace"):
                        theirs[hz].append(run_alone(functools.partial(start_bpftrace, hz), stop_bpftrace))
        finally:
            for one in targets:
                one.stop()
        for hz in RATES:
            beside = f"median {statistics.median(ours[hz]):.2f}; "
            beside += (f"bpftrace {min(theirs[hz]):.2f}, median {statistics.median(theirs[hz]):.2f}" if theirs[hz] else
                       "no bpftrace here")
            report.line(f"BPF time of a sample, {frames} frames, {hz} Hz", min(ours[hz]), "us",
                        limit if hz == max(RATES) else None, beside)


def work_of(fixture, seconds=6):
    """Turns that a program gets done on each CPU."""
    one = fixture.target("spin", "--threads", CPUS, "--seconds", seconds)
    done = one.event("done", seconds=seconds + 30)
    one.stop()
    return done["work"]


def bench_target_loss(fixture, report, rounds):
    """Work that a busy program loses to sampling at 999 Hz."""
    losses = {"profd": [], "perf record -g": []}
    for _ in range(rounds):
        base = work_of(fixture)
        daemon = fixture.Daemon("--sample-hz", "999").start()
        losses["profd"].append(100 * (1 - work_of(fixture) / base))
        daemon.terminate()
        daemon.clean()
        if shutil.which("perf"):
            with tempfile.TemporaryDirectory() as folder:
                perf = subprocess.Popen(["perf", "record", "-q", "-a", "-g", "-F", "999", "-o", f"{folder}/data"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(1)
                losses["perf record -g"].append(100 * (1 - work_of(fixture) / base))
                perf.terminate()
                perf.wait()
    beside = f"perf {statistics.median(losses['perf record -g']):.2f} %" if losses["perf record -g"] else "no perf here"
    report.line("work lost by a busy program at 999 Hz", statistics.median(losses["profd"]), "%", None, beside)


def bench_daemon(fixture, report, rounds):
    """profd's own CPU and memory at 19 Hz, from an idle to a busy machine, with fifty binaries known."""
    ready, steady = [], []
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for number in range(50):
            copy = pathlib.Path(folder) / f"binary-{number}"
            copy.write_bytes((fixture.TARGETS / "symbols_cpp").read_bytes() + os.urandom(16))
            copy.chmod(0o755)
            copies.append(copy)
        for _ in range(rounds):
            daemon = fixture.Daemon().start()
            ready.append(daemon.json("status").get("cpu_until_ready_seconds", process_cpu(daemon.pid)))
            for start in range(0, len(copies), 10):
                batch = [fixture.Target([copy, "--seconds", "6"]) for copy in copies[start:start + 10]]
                for one in batch:
                    one.process.wait()
                    one.stop()
            time.sleep(25)
            busy = fixture.target("spin", "--threads", max(1, CPUS - 1), "--seconds", 60)
            before, start = process_cpu(daemon.pid), time.monotonic()
            time.sleep(40)
            steady.append(100 * (process_cpu(daemon.pid) - before) / (time.monotonic() - start))
            pages = int(pathlib.Path(f"/proc/{daemon.pid}/statm").read_text().split()[1])
            memory = pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
            busy.stop()
            daemon.terminate()
            daemon.clean()
    report.line("profd's CPU until ready", statistics.median(ready), "s", 0.5)
    report.line("profd's CPU, steady, of one core", statistics.median(steady), "%", 0.3)
    report.line("profd's memory (RSS) with 50 binaries known", memory, "MB", 40)


def large_go_program():
    """Debian's own Prometheus: 50 MB, Go 1.19, stripped."""
    command = [ROOT / "tests/tools/prometheus.sh", os.environ["PROFD_BUILD"] + "/tools"]
    folder = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return pathlib.Path(folder) / "prometheus"


def bench_go(fixture, report, rounds):
    """The tables of a large Go program: the first answer about it, and lookups, as the worker does them."""
    program = large_go_program()
    build = pathlib.Path(os.environ["PROFD_BUILD"])
    cpu, memory = [], []
    for _ in range(rounds):
        # Not sandboxed, but the same code.
        asked = subprocess.Popen([build / "tests/oracle/resolve_offsets", program], stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL)
        asked.stdin.write(b"5242880\n")
        asked.stdin.close()
        _, status, usage = os.wait4(asked.pid, 0)
        if status != 0:
            sys.exit(f"{program} could not be read")
        cpu.append(usage.ru_utime + usage.ru_stime)
        memory.append(usage.ru_maxrss / 1024)
    size = program.stat().st_size / 1e6
    report.line(f"CPU for the first answer about {size:.0f} MB of Go", statistics.median(cpu), "s", 0.3)
    report.line("memory for it, peak", statistics.median(memory), "MB", 100)
    printed = subprocess.run([build / "tests/benchmark/go_lookup_bench", "--benchmark_format=json"], check=True,
                             capture_output=True, text=True, env={**os.environ, "GO_PROGRAM": str(program)}).stdout
    for one in json.loads(printed)["benchmarks"]:
        if one.get("error_occurred"):
            sys.exit(f"{one['name']}: {one.get('error_message')}")
        addresses = int(one["name"].split("/")[1])
        # A profile has few different addresses of one program; the many are for comparison.
        report.line(f"time of a lookup among {addresses} addresses", one["real_time"], "ns",
                    200 if addresses <= 1024 else None)


def work_by_cpu(program, seconds):
    """(requests that a server has answered, or map accesses of `mapload`, for each second of the program's own CPU
    time; that time, seconds), in the next while."""
    def work(line):
        return line["served"] if "served" in line else sum(line["counts"].values())
    while not program.lines.empty():
        program.lines.get()
    first = program.event("progress")
    time.sleep(seconds)
    last = first
    while not program.lines.empty():
        line = program.lines.get()
        if line and line.get("event") == "progress":
            last = line
    cpu = (last["cpu_ns"] - first["cpu_ns"]) / 1e9
    return (work(last) - work(first)) / cpu, cpu


def mean_and_error(values):
    """(mean, two standard errors of it)."""
    return statistics.mean(values), 2 * statistics.stdev(values) / len(values) ** 0.5


def median_and_error(values):
    """(median, half of its 95 % interval): of numbers that a busy machine now and then spoils."""
    quartiles = statistics.quantiles(values, n=4)
    return quartiles[1], 1.82 * (quartiles[2] - quartiles[0]) / len(values) ** 0.5


def bench_growth_server(fixture, report, rounds):
    """What the probe at stack growth costs an HTTP server: with and without in turns, as many pairs as it takes."""
    daemon = fixture.Daemon().start()
    try:
        server = fixture.go_target("server", "--seconds", "1200", "--clients", str(CPUS))
        server.event("ready")
        time.sleep(3)
        losses = []
        for _ in range(8 * rounds):
            speed = []
            for state in ("off", "on", "on", "off"):
                daemon.profctl("probes", state)
                time.sleep(0.2)
                speed.append(work_by_cpu(server, 1.5)[0])
            losses.append(100 * (1 - (speed[1] + speed[2]) / (speed[0] + speed[3])))
        server.stop()
    finally:
        stop_daemon(daemon)
    loss, error = mean_and_error(losses)
    report.line("work lost by an HTTP server to the growth probe", loss, "%", None, f"+- {error:.2f} %")
    report.line("  of it, what is surely more than nothing", max(0, loss - error), "%", 0)


def churned(fixture, daemon, state, seconds=8):
    """(tasks for each second of its CPU time, that time, what profd says it has cost): of a program whose stacks grow
    all the time."""
    binary = fixture.build_go("churn")
    daemon.profctl("probes", state)
    churn = fixture.Target([binary, seconds])
    done = churn.event("done", seconds=60)
    told = [one for one in daemon.json("status")["probes"]["binaries"] if one["path"] == str(binary)]
    churn.stop()
    return done["tasks"] / done["cpu_ns"] * 1e9, done["cpu_ns"], max((one["cost_ns"] for one in told), default=0)


def bench_growth_churn(fixture, report, rounds):
    """The worst program for that probe, metered as by default, and the meter's word beside its own without one."""
    for budget, limit in (("1", 1.0), ("100", None)):
        losses, told = [], []
        for _ in range(2 * rounds):
            daemon = fixture.Daemon("--map-probe-budget", budget).start()
            try:
                time.sleep(2)
                speed = [churned(fixture, daemon, state) for state in ("off", "on", "on", "off")]
                losses.append(100 * (1 - (speed[1][0] + speed[2][0]) / (speed[0][0] + speed[3][0])))
                told.append(100 * speed[2][2] / speed[2][1])
            finally:
                stop_daemon(daemon)
        loss, error = mean_and_error(losses)
        what = "work lost by a program that grows stacks all the time"
        report.line(what if limit else "  the same, unmetered", loss, "%", None,
                    f"+- {error:.2f} %; profd accounts for {statistics.median(told):.2f} %")
        if limit:
            report.line("  of it, what is surely lost", max(0, loss - error), "%", limit)


def bpftrace_loss(program, binary, function):
    """Work that a program loses while bpftrace counts the calls of one of its functions, %; None without bpftrace."""
    if not shutil.which("bpftrace"):
        return None
    before, _ = work_by_cpu(program, 3)
    script = f'uprobe:{binary}:"{function}" {{ @ = count(); }}'
    peer = subprocess.Popen(["bpftrace", "-p", str(program.pid), "-e", script],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(4)
    if peer.poll() is not None:
        sys.exit(f"bpftrace did not count {function} of {binary}")
    meanwhile, _ = work_by_cpu(program, 3)
    stop_bpftrace(peer)
    return 100 * (1 - meanwhile / before)


def bench_maps(fixture, report, rounds):
    """What the map probes cost, as they are by default: a program that does nothing but use maps, and an HTTP server.
    Slices with and without in turns, longer than turns are apart, and the median of what these pairs differ; bpftrace
    counts the most used function."""
    for name, arguments, function, what in (
            ("mapload", ("--pause", "0", "--seconds", "3000"), "runtime.mapaccess1_faststr",
             "a program that only uses maps"),
            ("server", ("--seconds", "3000", "--clients", CPUS), "runtime.mapaccess2_faststr", "an HTTP server")):
        daemon = fixture.Daemon().start()
        try:
            program = fixture.go_target(name, *arguments)
            program.event("ready")
            time.sleep(5)
            losses, cost, cpu = [], 0, 0
            for _ in range(2 * rounds):
                speed = []
                for state in ("off", "on", "on", "off"):
                    before = daemon.json("status")["map_windows"]["cost_ns"]
                    daemon.profctl("probes", state)
                    work, used = work_by_cpu(program, 12)
                    speed.append(work)
                    if state == "on":
                        cost += daemon.json("status")["map_windows"]["cost_ns"] - before
                        cpu += used
                losses.append(100 * (1 - (speed[1] + speed[2]) / (speed[0] + speed[3])))
        finally:
            stop_daemon(daemon)
        loss, error = median_and_error(losses)
        theirs = bpftrace_loss(program, fixture.build_go(name), function)
        program.stop()
        beside = f"bpftrace counting {function} {theirs:.1f} %" if theirs is not None else "no bpftrace here"
        report.line(f"work lost to map probes by {what}", loss, "%", None, f"+- {error:.2f} %; {beside}")
        report.line("  of it, what profd accounts for", 100 * cost / 1e9 / cpu, "%", 1)
        report.line("  of it, what is surely lost", max(0, loss - error), "%", 1)


BENCHMARKS = {
    "maps": bench_maps,
    "growth-server": bench_growth_server,
    "growth-churn": bench_growth_churn,
    "sampler": bench_sampler,
    "target-loss": bench_target_loss,
    "daemon": bench_daemon,
    "go": bench_go,
}


def main():
    parser = argparse.ArgumentParser(description="What profd costs, beside other tools in the same run.")
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("names", nargs="*", help=", ".join(BENCHMARKS))
    arguments = parser.parse_args()
    os.environ["PROFD_BUILD"] = str(arguments.build.resolve())
    from tests.e2e import fixture
    report = Report()
    before = STATS.read_text()
    try:
        for name, benchmark in BENCHMARKS.items():
            if not arguments.names or name in arguments.names:
                benchmark(fixture, report, arguments.rounds)
    finally:
        STATS.write_text(before)
    if report.missed:
        print(f"missed: {', '.join(report.missed)}")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
