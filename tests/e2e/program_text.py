"""The code of a running static Go program beside that of its file."""

import pathlib
import re
import subprocess


def _loaded(binary):
    """[(address, size, file offset)] of what is loaded of an ELF file."""
    headers = subprocess.run(["readelf", "-lW", binary], capture_output=True, text=True, check=True).stdout
    fields = [line.split() for line in headers.splitlines() if line.split()[:1] == ["LOAD"]]
    return [tuple(int(one[i], 16) for i in (2, 4, 1)) for one in fields]


MAP_FUNCTION = r"runtime\.map(access|assign|delete|iter|Iter|clear).*|internal/sync\..*|reflect\.map.*|maps\.clone"


class ProgramText:
    """The first bytes of the functions whose names match a pattern, as a whole."""

    BYTES = 32

    def __init__(self, pid, binary, pattern):
        symbols = subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout
        named = [line.split(maxsplit=2) for line in symbols.splitlines() if line[:1] != " "]
        addresses = [int(one[0], 16) for one in named
                     if len(one) == 3 and one[1] in "Tt" and re.fullmatch(pattern, one[2])]
        if not addresses:
            raise AssertionError(f"{binary} has no function like {pattern}")
        content = pathlib.Path(binary).read_bytes()
        loaded = _loaded(binary)
        self.pid = pid
        self.in_file = {}  # by address in memory
        bias = self._bias(binary)
        for address in addresses:
            offset = next((address - start + at for start, size, at in loaded if start <= address < start + size), None)
            if offset is not None:  # the end of the text is none
                self.in_file[bias + offset] = content[offset:offset + self.BYTES]

    def _bias(self, binary):
        """Address in memory less offset in the file, of the code."""
        for line in pathlib.Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[5] == str(binary) and "x" in fields[1]:
                return int(fields[0].split("-")[0], 16) - int(fields[2], 16)
        raise AssertionError(f"{binary} is not mapped in {self.pid}")

    def traps(self):
        """How many of the functions are not as in the file."""
        with open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            def read(address):
                memory.seek(address)
                return memory.read(self.BYTES)
            return sum(read(address) != code for address, code in self.in_file.items())
