"""Reads profile.proto (https://github.com/google/pprof/blob/main/proto/profile.proto): a second opinion on what profd
writes, sharing no code with it."""

import dataclasses
import gzip
import pathlib


@dataclasses.dataclass
class Sample:
    locations: list  # leaf first: lists of function names of one location, innermost inlined first
    values: list
    labels: dict     # name: str or int; the last one of that name
    repeats: list    # of each fold, leaf first
    files: list      # of the mapping of each location, "" for none

    def frames(self):
        """Function names, leaf first, inlined ones too."""
        return [name for names in self.locations for name in names]

    def user_frames(self):
        """The same without the kernel's: a tick that is late finds it on its way back to the program."""
        return [name for names, file in zip(self.locations, self.files) if file != "[kernel]" for name in names]


@dataclasses.dataclass
class Mapping:
    start: int
    limit: int
    offset: int
    file: str
    build_id: str


@dataclasses.dataclass
class Profile:
    sample_types: list  # (type, unit)
    samples: list
    mappings: list
    functions: dict     # id: (name, system name, file, start line)
    locations: dict     # id: (mapping id, address, [(function id, line)])
    time_nanos: int
    duration_nanos: int
    period: int
    period_type: tuple

    def index(self, name):
        return [kind for kind, _ in self.sample_types].index(name)

    def total(self, name="samples"):
        index = self.index(name)
        return sum(sample.values[index] for sample in self.samples)

    def flat(self, name="samples"):
        """{function: value} of the leaves of programs; the kernel's functions where a sample has none of a program."""
        return self._add_up(name, lambda sample: (sample.user_frames() or sample.frames())[:1])

    def cum(self, name="samples"):
        """{function: value}, each function once a sample."""
        return self._add_up(name, lambda sample: set(sample.frames()))

    def user_cum(self, name="samples"):
        """The same without the kernel's functions."""
        return self._add_up(name, lambda sample: set(sample.user_frames()))

    def _add_up(self, name, choose):
        index, sums = self.index(name), {}
        for sample in self.samples:
            for function in choose(sample):
                sums[function] = sums.get(function, 0) + sample.values[index]
        return sums


def varint(data, position):
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & ((1 << 64) - 1), position
        shift += 7
        if shift > 63:
            raise ValueError("a varint of more than ten bytes")


def fields(data):
    """(number, value) of each field of a message; bytes for lengths, integers else."""
    position = 0
    while position < len(data):
        key, position = varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, position = varint(data, position)
        elif kind == 2:
            length, position = varint(data, position)
            if position + length > len(data):
                raise ValueError(f"field {number} is longer than its message")
            value, position = data[position:position + length], position + length
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, position = int.from_bytes(data[position:position + size], "little"), position + size
        else:
            raise ValueError(f"wire type {kind}")
        yield number, value


def group(data):
    """{number: [values]} of a message."""
    found = {}
    for number, value in fields(data):
        found.setdefault(number, []).append(value)
    return found


def numbers(values):
    """A repeated integer, packed or not."""
    found = []
    for value in values:
        if isinstance(value, bytes):
            position = 0
            while position < len(value):
                number, position = varint(value, position)
                found.append(number)
        else:
            found.append(value)
    return found


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def parse(data):
    message = group(data)
    strings = [value.decode() for value in message.get(6, [])]
    if strings[:1] != [""]:
        raise ValueError("the string table does not begin with the empty string")

    def one(fields_of, number):
        return signed(numbers(fields_of.get(number, [0]))[-1])

    def value_type(raw):
        fields_of = group(raw)
        return strings[one(fields_of, 1)], strings[one(fields_of, 2)]

    functions = {}
    for raw in message.get(5, []):
        function = group(raw)
        functions[one(function, 1)] = (strings[one(function, 2)], strings[one(function, 3)], strings[one(function, 4)],
                                       one(function, 5))
    mappings, files = [], {0: ""}
    for raw in message.get(3, []):
        mapping = group(raw)
        files[one(mapping, 1)] = strings[one(mapping, 5)]
        mappings.append(Mapping(numbers(mapping.get(2, [0]))[-1], numbers(mapping.get(3, [0]))[-1],
                                numbers(mapping.get(4, [0]))[-1], strings[one(mapping, 5)], strings[one(mapping, 6)]))
    locations = {}
    for raw in message.get(4, []):
        location = group(raw)
        lines = [(one(line, 1), one(line, 2)) for line in map(group, location.get(4, []))]
        for function, _ in lines:
            if function not in functions:
                raise ValueError(f"a line of unknown function {function}")
        mapping = one(location, 2)
        if mapping not in files:
            raise ValueError(f"a location in unknown mapping {mapping}")
        locations[one(location, 1)] = (mapping, numbers(location.get(3, [0]))[-1], lines)

    sample_types = [value_type(raw) for raw in message.get(1, [])]
    samples = []
    for raw in message.get(2, []):
        sample = group(raw)
        stack, files_of = [], []
        for identity in numbers(sample.get(1, [])):
            mapping, address, lines = locations[identity]
            files_of.append(files[mapping])
            stack.append([functions[function][0] for function, _ in lines] or [f"0x{address:x}"])
        labels, repeats = {}, []
        for label in map(group, sample.get(3, [])):
            text = strings[one(label, 2)]
            name = strings[one(label, 1)]
            labels[name] = text if 2 in label else one(label, 3)
            if name == "recursion_repeats":
                repeats.append(labels[name])
        values = [signed(value) for value in numbers(sample.get(2, []))]
        if len(values) != len(sample_types):
            raise ValueError(f"a sample of {len(values)} values for {len(sample_types)} types")
        samples.append(Sample(stack, values, labels, repeats, files_of))
    return Profile(sample_types, samples, mappings, functions, locations, one(message, 9), one(message, 10),
                   one(message, 12), value_type(message[11][0]) if 11 in message else ("", ""))


def read(path):
    """A profile file, gzipped or not."""
    data = pathlib.Path(path).read_bytes()
    return parse(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
