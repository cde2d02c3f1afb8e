"""The words in which a platform declares its entities: fields, their kinds and what is required.

Belongs here: the vocabulary. Does not: any platform's fields (see `platforms/`), nor how they are read.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "id", "number", "rating", "boolean", "instant", "object", "objects", "texts"]


@dataclass(frozen=True)
class Field:
    """One field of an entity, under its raw name.

    - `text`: kept as written; numbers become their text. With `values`, anything else is refused.
    - `id`: a text that names something, however it is written: 1, "1" and 1.0 are one id, 007 is another.
    - `number`: a whole number. `rating`: a whole number within the platform's CSAT scale.
    - `boolean`: true or false, yes or no, 1 or 0, in any case; nothing else.
    - `instant`: ISO 8601, unix seconds or a day-first date; stored as a UTC timestamp.
    - `object`: one object with the text members `members`, of which `id` is an id; `objects`: a list of them.
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
    """One kind of record of a platform; `ignored` fields are known and left behind on purpose."""

    name: str
    fields: tuple[Field, ...]
    ignored: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Platform:
    """A messaging platform: the entities that its exports hold."""

    name: str
    entities: tuple[Entity, ...]
