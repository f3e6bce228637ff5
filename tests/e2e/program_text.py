"""The code of a running static Go program beside that of its file."""

import pathlib
import subprocess


def symbol_offset(binary, name):
    """The file offset of a function of a static Go program."""
    symbols = subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout
    address = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(f" {name}"))
    headers = subprocess.run(["readelf", "-lW", binary], capture_output=True, text=True, check=True).stdout
    for line in headers.splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"]:
            offset, start, size = (int(fields[i], 16) for i in (1, 2, 4))
            if start <= address < start + size:
                return address - start + offset
    raise AssertionError(name)


class ProgramText:
    """The beginning of a function, or the functions from that one to another one."""

    def __init__(self, pid, binary, first, last=None):
        self.pid = pid
        at = symbol_offset(binary, first)
        size = 16 if last is None else symbol_offset(binary, last) - at + 64
        self.in_file = pathlib.Path(binary).read_bytes()[at:at + size]
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[5] == str(binary) and "x" in fields[1]:
                self.address = int(fields[0].split("-")[0], 16) + at - int(fields[2], 16)
                return
        raise AssertionError(f"{binary} is not mapped in {pid}")

    def in_memory(self):
        with open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            memory.seek(self.address)
            return memory.read(len(self.in_file))

    def has_traps(self):
        return self.in_memory() != self.in_file
