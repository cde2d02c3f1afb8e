"""The words in which a platform declares its entities: fields, their kinds and what is required.

Belongs here: the vocabulary. Does not: any platform's fields (see `platforms/`), nor how they are read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Kind = Literal["text", "id", "number", "rating", "boolean", "instant", "object", "objects", "texts"]


@dataclass(frozen=True)
class Field:
    """One field of an entity, under its raw name.

    - `text`: kept as written; numbers become their text. With `values`, anything else is rejected.
    - `id`: a text that names something, however it is written: 1, "1" and 1.0 are one id, 007 is another.
    - `number`: a whole number. `rating`: a whole number within the platform's CSAT scale.
    - `boolean`: true or false, yes or no, 1 or 0, in any case; nothing else.
    - `instant`: ISO 8601, unix seconds or a day-first date; stored as a UTC timestamp.
    - `object`: one object with the text members `members`, of which `id` is an id; `objects`: a list of them.
    - `texts`: a list of texts.
    - `named_by`: the members filled from a plain name where an object is due (`a;b` in a CSV).
    - `only_if`: a field, and its values under which this one is read; else it is null
    - `is_past`: a record is rejected if this instant is more than a day after its file was first ingested
    - `path`: where in a JSON record it stands, if not under its name; `.` between the steps.
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    values: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    named_by: tuple[str, ...] = ()
    path: str = ""
    is_past: bool = False
    only_if: tuple[str, tuple[str, ...]] | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The keys that lead to the field in a JSON record."""
        return tuple((self.path or self.name).split("."))


@dataclass(frozen=True)
class Nested:
    """Where records of an entity stand inside the JSON records of a folder; the paths are JSON paths.

    - `folder`: the folder of the files
    - `parents`: the objects that hold them, in a line, or the place of these objects where they take over a
      context themselves; `elements`: the records, in a parent
    - `context`: fields that each record takes over from its parent, where it has none of that name: by name,
      the path in the parent, with `.` between its steps
    - `where`: a field of the parent and the values of it under which there are such records
    """

    folder: str
    parents: "str | Nested" = "$"
    elements: str = "$"
    context: dict[str, str] = field(default_factory=dict, hash=False)
    where: tuple[str, tuple[str, ...]] | None = None

    @property
    def own_keys(self) -> set[str]:
        """The names that the records, and the objects that hold them, get from their parents."""
        outer = set() if isinstance(self.parents, str) else self.parents.own_keys
        return outer | self.context.keys()


@dataclass(frozen=True)
class Entity:
    """One kind of record of a platform.

    - `ignored`: fields that are known and left behind on purpose
    - `contact_fields`: those that name a contact; where `id` is one, the record is the contact itself, and
      all else in it goes when that is erased
    - `contact_if`: a field, and its values under which the contact fields do so
    - `has_telling_ids`: whether a record's own id holds its contact's number
    - `aged_by`: the fields whose first filled instant gives the record its age; without any it never grows
      too old
    - `nested`: where else its records stand than in files of its own
    - `has_files`: whether there is a folder of its own name
    """

    name: str
    fields: tuple[Field, ...]
    ignored: tuple[str, ...] = ()
    contact_fields: tuple[str, ...] = ()
    contact_if: tuple[str, tuple[str, ...]] | None = None
    has_telling_ids: bool = False
    aged_by: tuple[str, ...] = ()
    description: str = ""
    nested: tuple[Nested, ...] = ()
    has_files: bool = True


@dataclass(frozen=True)
class Source:
    """The records of an entity in the files of a folder: each record itself, or what is nested in it.

    `nested`: the places in a record, all of this folder; none where each record stands for itself. Several
    sources may share a folder. One of them, the first, answers for it: what cannot be read there is rejected
    as a record of its entity, so that it is counted once. `envelope`: see `Platform`.
    """

    entity: Entity
    nested: tuple[Nested, ...]
    answers: bool
    envelope: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_of_envelope(self) -> bool:
        """Whether the records are objects of the envelope itself, whose keys are known there."""
        places = {f"{nested.parents}{nested.elements.removeprefix('$')}" for nested in self.nested}
        return bool(places & {place for place, _ in self.envelope})


@dataclass(frozen=True)
class Platform:
    """A messaging platform: the entities that its exports hold.

    - `envelopes`: by folder, the objects around the records: the JSON path of each, and its known keys (read
      or not)
    - `canonical_id`: makes the SQL of the one form of a contact's id from that of the id as it is exported
    """

    name: str
    entities: tuple[Entity, ...]
    envelopes: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = field(default_factory=dict)
    canonical_id: Callable[[str], str] = "ltrim({}, '+')".format

    @cached_property
    def folders(self) -> dict[str, list[Source]]:
        """What stands in the files of each folder of an account; an entity's own records come first."""
        places = {(entity.name, entity): [] for entity in self.entities if entity.has_files}
        for entity in self.entities:
            for nested in entity.nested:
                places.setdefault((nested.folder, entity), []).append(nested)
        folders: dict[str, list[Source]] = {}
        for (folder, entity), places_of_entity in places.items():
            sources = folders.setdefault(folder, [])
            envelope = self.envelopes.get(folder, ())
            sources.append(Source(entity, tuple(places_of_entity), not sources, envelope))
        return folders
