"""Watching recursion as a client does: `profctl recursion watch -o json`, each event with the time it came."""

import contextlib
import json
import os
import pathlib
import subprocess
import threading
import time

from tests.e2e.fixture import BUILD, eventually


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Watch:
    """The events of one daemon, from now on."""

    def __init__(self, daemon):
        self.events = {}  # by pid: [(boot time of arrival in ns, event)]
        self.process = subprocess.Popen(
            [str(BUILD / "profctl"), "--address", f"unix://{daemon.socket}", "recursion", "watch", "-o", "json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        time.sleep(0.3)  # it is connected by then

    def _read(self):
        for line in self.process.stdout:
            at, event = boot_ns(), json.loads(line)
            self.events.setdefault(event["pid"], []).append((at, event))

    def of(self, pid):
        return list(self.events.get(pid, ()))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()


def _memory_hierarchy():
    """(folder of our own memory cgroup, file of the limit), or None."""
    lines = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return pathlib.Path("/sys/fs/cgroup/memory" + path), "memory.limit_in_bytes"
    for line in lines:
        if line.startswith("0::"):
            return pathlib.Path("/sys/fs/cgroup" + line[3:]), "memory.max"
    return None


@contextlib.contextmanager
def memory_cgroup(limit):
    """The file that a process writes itself to, to live within `limit` bytes; None where that cannot be had here."""
    found = _memory_hierarchy()
    folder = None
    with contextlib.suppress(OSError):
        parent, name = found
        folder = parent / f"profd-test-{os.getpid()}"
        folder.mkdir()
        (folder / name).write_text(str(limit))
        with contextlib.suppress(OSError):
            (folder / "memory.swap.max").write_text("0")
    usable = folder is not None and (folder / "cgroup.procs").exists()
    try:
        yield folder / "cgroup.procs" if usable else None
    finally:
        if folder is not None and folder.exists():
            eventually(lambda: not (folder / "cgroup.procs").read_text().strip(), seconds=10)
            with contextlib.suppress(OSError):
                folder.rmdir()


def rotations(cycle):
    return [cycle[i:] + cycle[:i] for i in range(len(cycle))]


def primitive(cycle):
    """The shortest list that gives the cycle when it is repeated."""
    for period in range(1, len(cycle) + 1):
        if len(cycle) % period == 0 and cycle == cycle[:period] * (len(cycle) // period):
            return cycle[:period]
    return cycle
