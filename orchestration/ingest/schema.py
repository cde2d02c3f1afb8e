"""The words in which a platform declares its entities: fields, their kinds and what is required.

Belongs here: the vocabulary. Does not: any platform's fields (see `platforms/`), nor how they are read.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "rating", "instant", "object", "objects", "texts"]


@dataclass(frozen=True)
class Field:
    """One field of an entity, under its raw name.

    - `text`: kept as written; numbers become their text. With `values`, anything else is refused.
    - `number`: a whole number. `rating`: a whole number within the platform's CSAT scale.
    - `instant`: ISO 8601, unix seconds or a day-first date; stored as a UTC timestamp.
    - `object`: one object with the text members `members`; `objects`: a list of them.
    - `texts`: a list of texts.
    - `named_by`: the members filled from a plain name where an object is due (`a;b` in a CSV).
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    values: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    named_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entity:
    """One kind of record of a platform; `ignored` fields are known and left behind on purpose.

    `contact_field`: the one that names a contact, empty if none does; where it is `id`, the record is the
    contact itself, and all else in it goes when that is erased. `aged_by`: the fields whose first filled
    instant gives the record its age; without any it never grows too old.
    """

    name: str
    fields: tuple[Field, ...]
    ignored: tuple[str, ...] = ()
    contact_field: str = ""
    aged_by: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Platform:
    """A messaging platform: the entities that its exports hold."""

    name: str
    entities: tuple[Entity, ...]
