"""The message types of ``ocpp16.proto``, and their values between JSON and Protobuf. The one door to ``protobuf``.

A type is compiled once into a :class:`Shape`. What Protobuf cannot hold as it is, is checked and turned: instants,
enumerations, numbers, lists. Neither direction loses anything, or it raises :class:`ValueError`; texts of errors never
show a value, which may be a password or an id tag.
"""

from __future__ import annotations

import functools
import importlib.resources
import math
from typing import TYPE_CHECKING, Any, Final, Protocol

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, EncodeError

from loadtest.protocol.protobuf_time import time_form, time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor, EnumDescriptor
    from google.protobuf.message import Message

    class MessageClass(Protocol):
        """What makes messages of one type."""

        def __call__(self, **fields: Any) -> Message:
            """A new one."""
            ...

        def FromString(self, data: bytes) -> Message:  # noqa: N802 - the library's
            """One that was serialised."""
            ...


DESCRIPTORS = "ocpp16.desc"
"""Beside this file: ``ocpp16.proto`` as protoc compiles it, a ``FileDescriptorSet``."""

FAULTS: Final = (TypeError, ValueError, RecursionError, DecodeError, EncodeError)
"""What the library raises, and we do, over a value or bytes that do not fit."""

VERSION: Final = 1
"""Of the schema; a receiver refuses messages of any other."""

_PACKAGE = f"ocpp16.v{VERSION}."
_BIGGEST = 2**63
_EXACT = 2**53


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    data = importlib.resources.files("loadtest.protocol").joinpath(DESCRIPTORS).read_bytes()
    pool = descriptor_pool.Default()  # where options of enumeration values are found
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def message_class(name: str) -> MessageClass:
    """The class of a message type of the schema."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(_PACKAGE + name))


@functools.cache
def shape(name: str) -> Shape:
    """The fields of a message type of the schema."""
    return Shape(_pool().FindMessageTypeByName(_PACKAGE + name))


def field_numbers(name: str) -> dict[str, int]:
    """The numbers of the fields of a message type of the schema."""
    return {field.name: field.number for field in _pool().FindMessageTypeByName(_PACKAGE + name).fields}


class Shape:
    """How the fields of a message type are turned, both ways."""

    __slots__ = ("_lists", "_readers", "_writers")

    def __init__(self, descriptor: Descriptor) -> None:
        self._writers: dict[str, Callable[[Any], Any]] = {}
        self._readers: list[tuple[str, Callable[[Any], Any] | None]] = []
        self._lists: list[tuple[str, str, Callable[[Any], Any] | None]] = []
        for field in descriptor.fields:
            name = field.name
            write, read = _turns(field)
            if field.is_repeated:
                self._writers[name] = _each(write)
                self._writers[f"{name}IsEmpty"] = _not_of_ocpp
                self._lists.append((name, f"{name}IsEmpty", read))
            elif not name.endswith("IsEmpty"):
                self._readers.append((name, read))
                if write is not None:
                    self._writers[name] = write

    def fields(self, payload: Any) -> dict[str, Any]:
        """What the message class takes as keywords for a decoded JSON object, which is changed on the way.

        Raises:
            ValueError: It is no object, or holds what the type does not.
        """
        if not isinstance(payload, dict):
            raise ValueError("is not an object")  # noqa: TRY004 - one kind of fault
        for name, value in payload.items():
            if value is None:
                raise ValueError(f"{name} is null")
            write = self._writers.get(name)
            if write is not None:
                try:
                    payload[name] = write(value)
                except (TypeError, ValueError, KeyError) as error:
                    raise ValueError(f"{name}: {_reason(error)}") from None
        for name, flag, _ in self._lists:
            if name in payload and not payload[name]:
                payload[flag] = True
        return payload

    def payload(self, message: Message) -> dict[str, Any]:
        """A message as the JSON object it stands for.

        Raises:
            ValueError: A value has no counterpart in OCPP.
        """
        found: dict[str, Any] = {}
        has = message.HasField
        for name, read in self._readers:
            if has(name):
                value = getattr(message, name)
                found[name] = value if read is None else read(value)
        for name, flag, read in self._lists:
            values = getattr(message, name)
            if values or getattr(message, flag):
                found[name] = list(values) if read is None else [read(value) for value in values]
        return found


def _turns(field: FieldDescriptor) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    """How one value is written and read; ``None``: as it is."""
    if field.message_type is not None:
        if field.message_type.name == "Time":
            return time_form, _read_time
        nested = shape(field.message_type.name)
        return nested.fields, nested.payload
    if field.enum_type is not None:
        spelt = _spellings(field.enum_type)
        return {text: number for number, text in spelt.items()}.__getitem__, _known(field.name, spelt)
    match field.type:
        case FieldDescriptor.TYPE_INT64:
            return _integer, None
        case FieldDescriptor.TYPE_DOUBLE:
            return _number, _shortest
        case FieldDescriptor.TYPE_BOOL:
            return _boolean, None
    return _text, None


def _read_time(time: Message) -> str:
    form = time.WhichOneof("form")
    if form is None:
        raise ValueError("an instant is empty")
    try:
        return time_text(form, getattr(time, form))
    except OverflowError:
        raise ValueError("an instant is out of range") from None


def _spellings(enum: EnumDescriptor) -> dict[int, str]:
    """OCPP's spelling of each value; the first stands for none."""
    spelling: Any = _pool().FindExtensionByName(f"{_PACKAGE}json")  # its type is known to generated code only
    return {value.number: value.GetOptions().Extensions[spelling] for value in enum.values[1:]}


def _known(name: str, spelt: dict[int, str]) -> Callable[[int], str]:
    def read(number: int) -> str:
        text = spelt.get(number)
        if text is None:
            raise ValueError(f"{name} has no value {number}")
        return text

    return read


def _each(write: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    def write_list(values: Any) -> Any:
        if not isinstance(values, list):
            raise ValueError("is not a list")  # noqa: TRY004
        return values if write is None else [write(value) for value in values]

    return write_list


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else "has a value OCPP does not know"


def _not_of_ocpp(_value: Any) -> Any:
    raise ValueError("is no field of OCPP's")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("is not a text")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or not -_BIGGEST <= value < _BIGGEST:
        raise ValueError("is not an integer of 64 bits")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("is neither true nor false")
    return value


def _number(value: Any) -> float:
    if type(value) is float or (type(value) is int and -_EXACT <= value <= _EXACT):
        return value
    raise ValueError("is not a number that a double holds")


def _shortest(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value
