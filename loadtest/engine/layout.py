"""Where the attributes of charge points lie.

A charge point is its own connection, and stands on one of several wires, which have slots. Of several bases only one
may have any (Python's "instance lay-out conflict"), so the classes of its behaviour name their attributes in ``STATE``
and have none; the class that joins behaviour and wire lays them out.
"""

from __future__ import annotations

NO_SLOTS: tuple[str, ...] = ()
"""``__slots__`` of a class of behaviour. A name, as mypy takes ``()`` to forbid the attributes it is to have."""


def slots_of(behaviour: type) -> tuple[str, ...]:
    """The attributes that a class of behaviour and its bases name, for the ``__slots__`` of what is made of it."""
    return tuple(name for each in behaviour.__mro__ for name in vars(each).get("STATE", ()))
