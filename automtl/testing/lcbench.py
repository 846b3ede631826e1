"""Learning curves without training: the LCBench surrogate, evaluated with numpy.

The surrogate is YAHPO Gym's network over LCBench (Pfisterer et al., "YAHPO Gym", 2022; Zimmer et
al., "Auto-PyTorch Tabular", 2021). It predicts, for one of 34 data sets, what a network with given
hyperparameters reaches after each of 52 epochs. The file is an ONNX graph of a dozen plain
operations, which are carried out here so that no runtime for it is needed.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl.results import Objective
from automtl.space.search_space import SearchSpace

EPOCHS = 52
NAMES = (
    "batch_size",
    "learning_rate",
    "momentum",
    "weight_decay",
    "num_layers",
    "max_units",
    "max_dropout",
)
"""In the order in which the network takes them, after the epoch."""

OBJECTIVES = (
    Objective(metric="error", goal="minimize"),
    Objective(metric="log_time", goal="minimize", unit="log10 s"),
)

Array = NDArray[Any]
_DTYPES: Mapping[int, np.dtype[Any]] = {1: np.dtype("<f4"), 7: np.dtype("<i8")}


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Surrogate:
    """The network.

    Attributes:
        codes: What stands for each data set.
        ranges: Lower and upper end, whether logarithmic and whether whole, by hyperparameter.
    """

    codes: Mapping[str, int]
    ranges: Mapping[str, tuple[float, float, bool, bool]]
    _nodes: tuple[_Node, ...]
    _weights: Mapping[str, Array]

    @property
    def space(self) -> SearchSpace:
        """The hyperparameters as a space of free names."""
        parameters = {}
        for name in NAMES:
            low, high, is_log, is_int = self.ranges[name]
            kind = "int" if is_int else "float"
            ends = {"min": int(low), "max": int(high)} if is_int else {"min": low, "max": high}
            parameters[name] = {"type": kind, "log": is_log, **ends}
        return SearchSpace.from_plain(
            parameters=parameters, objectives=[o.model_dump() for o in OBJECTIVES]
        )

    def losses(self, data_set: str, points: Sequence[Mapping[str, Any]]) -> Array:
        """Return the losses of points at the end, shape ``(n, 2)``: error, log10 of seconds."""
        rows = np.array([[EPOCHS, *(p[name] for name in NAMES)] for p in points])
        return self._losses(data_set, rows)

    def curve(self, data_set: str, point: Mapping[str, Any]) -> Array:
        """Return the losses of one point after each epoch, shape ``(52, 2)``."""
        values = [point[name] for name in NAMES]
        return self._losses(data_set, np.array([[e, *values] for e in range(1, EPOCHS + 1)]))

    def _losses(self, data_set: str, rows: Array) -> Array:
        codes = np.full((len(rows), 1), self.codes[data_set], dtype=np.int64)
        found: dict[str, Array] = {**self._weights, "x_cat": codes}
        found["x_cont"] = rows.astype(np.float32)
        for node in self._nodes:
            found[node.outputs[0]] = _apply(node, [found[name] for name in node.inputs])
        output = found["output"].astype(np.float64)
        error = 1.0 - output[:, 1] / 100.0
        return np.stack([error, np.log10(np.maximum(output[:, 0], 1e-3))], axis=1)


def load_surrogate(folder: Path) -> Surrogate:
    """Read ``model.onnx``, ``config_space.json`` and ``encoding.json``."""
    space = json.loads((folder / "config_space.json").read_text())["hyperparameters"]
    ranges = {
        h["name"]: (h["lower"], h["upper"], h["log"], h["type"] == "uniform_int")
        for h in space
        if h["name"] in NAMES
    }
    data_sets = next(h["choices"] for h in space if h["name"] == "OpenML_task_id")
    codes = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"]
    graph = next(v for f, v in _fields((folder / "model.onnx").read_bytes()) if f == 7)
    parts = list(_fields(graph))
    tensors = [_tensor(value) for field, value in parts if field == 5]
    return Surrogate(
        codes={name: codes[name] for name in data_sets},
        ranges=ranges,
        _nodes=tuple(_node(value) for field, value in parts if field == 1),
        _weights=dict(tensors),
    )


def _apply(node: _Node, x: list[Array]) -> Array:
    rule = _RULES.get(node.kind)
    if rule is None:
        msg = f"the graph holds an unknown operation {node.kind}"
        raise ValueError(msg)
    return np.asarray(rule(node.attributes, x))


_RULES: Mapping[str, Callable[[Mapping[str, Any], list[Array]], Array]] = {
    "Constant": lambda given, _: given["value"],
    "Gather": lambda given, x: np.take(x[0], x[1], axis=given.get("axis", 0)),
    # The embedding of the one categorical comes with an axis for the categorical.
    "Concat": lambda _, x: np.concatenate([a.reshape(len(a), -1) for a in x], axis=1),
    "Add": lambda _, x: x[0] + x[1],
    "Sub": lambda _, x: x[0] - x[1],
    "Mul": lambda _, x: x[0] * x[1],
    "Div": lambda _, x: x[0] // x[1] if x[0].dtype.kind == "i" else x[0] / x[1],
    "Log": lambda _, x: np.log(x[0]),
    "Exp": lambda _, x: np.exp(x[0]),
    "Relu": lambda _, x: np.maximum(x[0], 0),
    "Sigmoid": lambda _, x: 1 / (1 + np.exp(-x[0])),
    "Cast": lambda given, x: x[0].astype(np.float32) if given["to"] == 1 else x[0],
    "Unsqueeze": lambda _, x: np.expand_dims(x[0], int(x[1][0])),
    "Gemm": lambda _, x: x[0] @ x[1].T + x[2],
    "BatchNormalization": lambda given, x: (
        (x[0] - x[3]) / np.sqrt(x[4] + given["epsilon"]) * x[1] + x[2]
    ),
    "Shape": lambda _, x: np.array(x[0].shape, dtype=np.int64),
    "Slice": lambda _, x: x[0][:, int(x[1][0]) : int(x[2][0])],
}


def _node(message: bytes) -> _Node:
    parts = list(_fields(message))
    return _Node(
        kind=next(v for f, v in parts if f == 4).decode(),
        inputs=tuple(v.decode() for f, v in parts if f == 1),
        outputs=tuple(v.decode() for f, v in parts if f == 2),
        attributes=dict(_attribute(v) for f, v in parts if f == 5),
    )


def _attribute(message: bytes) -> tuple[str, Any]:
    parts = dict(_fields(message))
    name = parts[1].decode()
    if 5 in parts:
        return name, _tensor(parts[5])[1]
    if 2 in parts:
        return name, struct.unpack("<f", parts[2])[0]
    return name, parts.get(3, 0)


def _tensor(message: bytes) -> tuple[str, Array]:
    parts = list(_fields(message))
    shape = [_signed(v) for f, v in parts if f == 1]
    fields = dict(parts)
    raw = np.frombuffer(fields[9], dtype=_DTYPES[fields[2]])
    return fields.get(8, b"").decode(), raw.reshape(shape)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a protobuf message: numbers, or bytes that are left as they are."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
                yield tag >> 3, value
            case 1 | 5 as wire:
                size = 8 if wire == 1 else 4
                yield tag >> 3, message[at : at + size]
                at += size
            case _:
                size, at = _varint(message, at)
                yield tag >> 3, message[at : at + size]
                at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return value, at


def random_points(surrogate: Surrogate, n: int, seed: int) -> list[dict[str, Any]]:
    """Draw ``n`` points uniformly, on the logarithm where that is the parameter's scale."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {}
    for name in NAMES:
        low, high, is_log, is_int = surrogate.ranges[name]
        share = rng.random(n)
        values = low * (high / low) ** share if is_log else low + (high - low) * share
        columns[name] = np.round(values).astype(int).tolist() if is_int else values.tolist()
    return [dict(zip(NAMES, row, strict=True)) for row in zip(*columns.values(), strict=True)]
