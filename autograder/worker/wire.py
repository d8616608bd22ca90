"""The closed wire between judge and worker: length-prefixed frames of MessagePack.

Plain data:  None bool int float str bytes list tuple dict[str, …] and NumPy arrays; nothing else crosses, in either
direction.
Messages:    Setup, Scan, Load, Call and TellReached go to the worker; Ready, Returned and Raised come back, each with
its request's id.
Never pickle.  A size is checked before it is read, and whatever is malformed is a WireError.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Sequence
from typing import IO, Annotated, Any, cast

import msgspec
import numpy as np

MAX_FRAME = 64 * 2**20
MAX_DEPTH = 32
MAX_ITEMS = 2**18  # values outside arrays: a byte can stand for an empty list, which takes 56 in memory
VALUE_BYTES = 100  # about what a value of any kind takes in memory besides its own bytes
MAX_TEXT, MAX_LINES = 2000, 12  # of what an exception says
MAX_LAYERS = 32
_LENGTH = struct.Struct("<Q")
_ARRAY, _TUPLE = 1, 2
_DTYPES = {np.dtype(code).str for code in ("?", "b", "h", "i", "q", "B", "H", "I", "Q", "e", "f", "d", "F", "D")}
_SCALARS = frozenset({np.dtype(code).type for code in _DTYPES} | {np.intc, np.uintc, np.longlong, np.ulonglong})
_PLAIN = frozenset({type(None), bool, float, str, bytes})


class WireError(Exception):
    """Data that may not cross the wire, or bytes that are no message."""


class Setup(msgspec.Struct, tag="setup", forbid_unknown_fields=True):
    """The life that the worker shall lead: where, what it may import, the modules of which it tells what has run, and
    its limits (0 means: no limit)."""

    home: str
    part: str
    may_import: list[str]
    preload: list[str]
    watched: list[str]
    uid: int
    keep_reading: bool
    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    open_files: int
    processes: int


class Scan(msgspec.Struct, tag="scan", forbid_unknown_fields=True):
    """Say what an exercise file imports that its part does not allow, and which of these functions use what they may
    not; asked before any line of a submission runs."""

    id: int
    file: str
    may_not_use: dict[str, list[str]]


class Load(msgspec.Struct, tag="load", forbid_unknown_fields=True):
    """Import a probe module, and with it the submission's."""

    id: int
    module: str


class Call(msgspec.Struct, tag="call", forbid_unknown_fields=True):
    """Call a function of a loaded probe module; `arguments` is an encoded dict."""

    id: int
    module: str
    function: str
    arguments: bytes


class TellReached(msgspec.Struct, tag="tell reached", forbid_unknown_fields=True):
    """Say which functions of the watched modules have run since this was asked last; None where that is not known."""

    id: int


Request = Scan | Load | Call | TellReached
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]


class Ready(msgspec.Struct, tag="ready", forbid_unknown_fields=True):
    """The worker stands, with these isolation layers; `missing` says why others do not."""

    id: int
    layers: Annotated[list[Text], msgspec.Meta(max_length=MAX_LAYERS)]
    missing: Annotated[dict[Text, Text], msgspec.Meta(max_length=MAX_LAYERS)]


class Returned(msgspec.Struct, tag="returned", forbid_unknown_fields=True):
    """A request's answer, encoded plain data."""

    id: int
    value: bytes


class Frame(msgspec.Struct, forbid_unknown_fields=True):
    """One line of a traceback."""

    path: Text
    line: int
    function: Text


class Raised(msgspec.Struct, tag="raised", forbid_unknown_fields=True):
    """A request's exception: its class names from the exact class upwards, its text, and where in the staged files it
    arose."""

    id: int
    kinds: Annotated[list[Text], msgspec.Meta(max_length=MAX_LINES)]
    message: Text
    frames: Annotated[list[Frame], msgspec.Meta(max_length=MAX_LINES)]
    refused: Text = ""


_encode_message = msgspec.msgpack.Encoder().encode
_decode_request = msgspec.msgpack.Decoder(Setup | Request).decode
_decode_answer = msgspec.msgpack.Decoder(Ready | Returned | Raised).decode


def encode(value: Any, name: str = "the value") -> bytes:
    """Encode plain data.

    Raises WireError, with the place in what is called `name`, for anything else: object arrays, subclasses, foreign
    objects.
    """
    try:
        payload = _encode_message(_pack(value, name, 0))
    except (OverflowError, UnicodeEncodeError, ValueError) as error:
        raise WireError(f"{name} must be plain data; got {error}.") from None
    if len(payload) > MAX_FRAME // 2:
        raise WireError(f"{name} must fit into {MAX_FRAME // 2**21} MiB; got {len(payload) / 2**20:.0f} MiB.")
    _count_items(memoryview(payload), name)
    return payload


def decode(payload: bytes, writable: bool = False) -> Any:
    """Decode what `encode` made.

    Arrays are read-only views of the payload, or copies if `writable`. Raises WireError.
    """
    try:
        _count_items(memoryview(payload))
        return _unpack(payload, writable, 0)
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError) as error:
        raise WireError(f"the payload must be encoded plain data; got {error}.") from None


def size_of(payload: bytes) -> int:
    """About the bytes of memory that encoded data takes once it is decoded, told without decoding it.

    Raises WireError for too many values.
    """
    return len(payload) + VALUE_BYTES * _count_items(memoryview(payload))


def _pack(value: Any, place: str, depth: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is np.ndarray:
        return msgspec.msgpack.Ext(_ARRAY, _pack_array(value, place))
    if kind is int:
        if not -(2**63) <= value < 2**64:
            raise WireError(f"{place} must be an integer of at most 64 bits; got one of {value.bit_length()} bits.")
        return value
    if depth >= MAX_DEPTH:
        raise WireError(f"{place} must be nested at most {MAX_DEPTH} deep.")
    if kind is dict:
        if any(type(key) is not str for key in value):
            raise WireError(
                f"{place} must have str keys; got {next(type(key).__name__ for key in value if type(key) is not str)}."
            )
        return {key: _pack(item, f"{place}[{key!r}]", depth + 1) for key, item in value.items()}
    if kind is list or kind is tuple:
        items = [_pack(item, f"{place}[{position}]", depth + 1) for position, item in enumerate(value)]
        return items if kind is list else msgspec.msgpack.Ext(_TUPLE, _encode_message(items))
    if kind in _SCALARS:
        return msgspec.msgpack.Ext(_ARRAY, _pack_array(np.asarray(value), place))
    torch = sys.modules.get("torch")
    if torch is not None and kind in (torch.Tensor, torch.nn.Parameter):
        return msgspec.msgpack.Ext(_ARRAY, _pack_array(_tensor_to_array(value, place), place))
    raise WireError(
        f"{place} must be plain data (numbers, strings, arrays, or lists and dicts of them); got {kind.__qualname__}."
    )


def _tensor_to_array(tensor: Any, place: str) -> np.ndarray:
    try:
        return tensor.numpy(force=True)
    except (TypeError, RuntimeError) as error:  # NumPy has no bfloat16 and no sparse arrays
        raise WireError(f"{place} must be a tensor that NumPy can hold; {error}.") from None


def _pack_array(array: np.ndarray, place: str) -> bytes:
    if array.dtype.str not in _DTYPES:
        raise WireError(f"{place} must be an array of numbers or booleans; got dtype {array.dtype}.")
    if array.nbytes > MAX_FRAME // 2:  # before the copy: a broadcast view can claim any size
        raise WireError(f"{place} must fit into {MAX_FRAME // 2**21} MiB; got {array.nbytes / 2**20:.0f} MiB.")
    _check_shape(array.shape)
    return _encode_message((array.dtype.str, array.shape, array.tobytes()))


def _check_shape(shape: Sequence[int]) -> None:
    """Refuse (0, 10¹²): it is empty, and its sum over the first axis is not."""
    if any(length < 0 for length in shape) or math.prod(length or 1 for length in shape) > MAX_FRAME:
        raise WireError(f"shape must have lengths >= 0 of an array that fits into memory; got {tuple(shape[:8])}.")


# By a value's first byte: how many bytes follow it, and in how many bytes it states that there are more.
_FOLLOW = {0xCA: 4, 0xCB: 8, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4} | {0xA0 + length: length for length in range(32)}
_FOLLOW |= {head + power: 2**power for head in (0xCC, 0xD0) for power in range(4)}
_FOLLOW |= {0xD4 + power: 2**power for power in range(5)}
_STATE = {head + power: 2**power for head in (0xC4, 0xC7, 0xD9) for power in range(3)}
_EXTENSIONS = frozenset(range(0xC7, 0xCA)) | frozenset(range(0xD4, 0xD9))


def _count_items(payload: memoryview, name: str = "the payload", items: int = 0, depth: int = 0) -> int:
    """Count a payload's values by their first bytes, before any is made. Raises WireError above MAX_ITEMS."""
    if depth > MAX_DEPTH:
        raise WireError(f"{name} must be nested at most {MAX_DEPTH} deep.")
    position = 0
    while position < len(payload):
        items += 1
        if items > MAX_ITEMS:
            raise WireError(f"{name} must hold at most {MAX_ITEMS} values besides those in arrays; it holds more.")
        head = payload[position]
        stated = payload[position + 1 : position + 1 + _STATE.get(head, 0)]
        position += 1 + len(stated)
        size = _FOLLOW.get(head, 0) + int.from_bytes(stated, "big")
        if head in _EXTENSIONS:
            if payload[position : position + 1] == bytes([_TUPLE]):
                items = _count_items(payload[position + 1 : position + 1 + size], name, items, depth + 1)
            position += 1
        position += size
    return items


def _unpack(payload: bytes | memoryview, writable: bool, depth: int) -> Any:
    def open_extension(kind: int, data: memoryview) -> Any:
        if kind == _ARRAY:
            return _unpack_array(data, writable)
        if kind == _TUPLE:
            items = _unpack(data, writable, depth + 1)
            if type(items) is list:
                return tuple(items)
        raise WireError(f"extension must be an array or a tuple; got {kind}.")

    if depth > MAX_DEPTH:
        raise WireError(f"the payload must be nested at most {MAX_DEPTH} deep.")
    return _check(msgspec.msgpack.decode(payload, ext_hook=open_extension), depth)


def _check(value: Any, depth: int) -> Any:
    """Refuse what MessagePack can say and the closed set cannot: timestamps, keys that are no strings, deep nesting."""
    kind = type(value)
    if kind is list or kind is dict:
        if depth > MAX_DEPTH:
            raise WireError(f"the payload must be nested at most {MAX_DEPTH} deep.")
        if kind is dict and any(type(key) is not str for key in value):
            raise WireError("the payload must have str keys.")
        for item in value if kind is list else value.values():
            _check(item, depth + 1)
    elif kind not in _PLAIN and kind not in (int, tuple, np.ndarray):
        raise WireError(f"the payload must be plain data; got {kind.__name__}.")
    return value


class _Array(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    dtype: str
    shape: list[int]
    data: bytes


_decode_array = msgspec.msgpack.Decoder(_Array).decode


def _unpack_array(data: memoryview, writable: bool) -> np.ndarray:
    array = _decode_array(data)
    if array.dtype not in _DTYPES:
        raise WireError(f"dtype must be a number or boolean type; got {array.dtype[:20]!r}.")
    _check_shape(array.shape)
    # A number of bytes that does not fit the dtype or the shape is a ValueError, which decode tells as a WireError.
    flat = np.frombuffer(array.data, dtype=array.dtype)
    if array.dtype == "|b1":
        flat = flat.view(np.uint8) != 0  # a boolean that is neither 0 nor 1 compares strangely
        flat.flags.writeable = False
    shaped = flat.reshape(array.shape)
    return np.array(shaped) if writable else shaped


def write_message(stream: IO[bytes], message: Setup | Request | Ready | Returned | Raised) -> None:
    """Write one frame: eight bytes of length, little-endian, then the message."""
    payload = _encode_message(message)
    if len(payload) > MAX_FRAME:
        raise WireError(f"a message must be at most {MAX_FRAME} bytes; got {len(payload)}.")
    stream.write(_LENGTH.pack(len(payload)) + payload)
    stream.flush()


def read_request(stream: IO[bytes]) -> Setup | Request | None:
    """Read the judge's next message; None when it has closed the wire."""
    return cast("Setup | Request | None", _read(stream, _decode_request))


def read_answer(stream: IO[bytes]) -> Ready | Returned | Raised | None:
    """Read the worker's next message; None when it has closed the wire. Raises WireError for anything malformed."""
    return cast("Ready | Returned | Raised | None", _read(stream, _decode_answer))


def _read(stream: IO[bytes], decode_message: Any) -> Any:
    head = stream.read(_LENGTH.size)
    if not head:
        return None
    if len(head) < _LENGTH.size:
        raise WireError("a frame must begin with eight bytes of length; the stream ended within them.")
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise WireError(f"a frame must be at most {MAX_FRAME} bytes; got {length}.")
    payload = stream.read(length)
    if len(payload) < length:
        raise WireError(f"a frame must be whole; got {len(payload)} of {length} bytes.")
    try:
        return decode_message(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"a frame must hold one known message; got {error}.") from None
