"""The classes that declare the entities of a platform: fields, their kinds, required fields, nesting.

Belongs here: the classes. Does not: the fields of a platform (the other modules of `platforms/`), nor how
they are read (`parsing`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Kind = Literal["text", "id", "number", "rating", "boolean", "instant", "object", "objects", "texts"]


@dataclass(frozen=True)
class Field:
    """One field of an entity, under its raw name.

    - `text`: stored as exported; numbers become their text. With `values`, other values are rejected.
    - `id`: an identifier, independent of its notation: 1, "1" and 1.0 are the same id, 007 is another one.
    - `number`: a whole number.
    - `rating`: a whole number within the platform's CSAT scale.
    - `boolean`: true or false, yes or no, 1 or 0, in any case.
    - `instant`: ISO 8601, unix seconds or a day-first date, stored as a UTC timestamp.
    - `object`: an object with the text members `members`; a member `id` is an id. `objects`: a list of them.
    - `texts`: a list of texts.
    - `named_by`: the members that a plain name fills in place of an object (`a;b` in a CSV).
    - `only_if`: a field and its values for which this field is read. Otherwise it is null.
    - `is_past`: whether to reject a record with this instant more than 24 hours after the first ingestion.
    - `path`: the path in a JSON record, with `.` between the keys, if it is not the name.
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
        """The keys on the path to the field in a JSON record."""
        return tuple((self.path or self.name).split("."))


@dataclass(frozen=True)
class Nested:
    """The location of an entity's records inside the JSON records of a folder. Paths are JSON paths.

    - `folder`: the folder of the files
    - `parents`: path of the objects in a line that contain the records, or their `Nested` if those objects
      have a context too
    - `elements`: path of the records in a parent
    - `context`: fields that a record without them inherits from its parent: name → path in the parent
    - `where`: a field of the parent and its values for which the parent has such records
    """

    folder: str
    parents: "str | Nested" = "$"
    elements: str = "$"
    context: dict[str, str] = field(default_factory=dict, hash=False)
    where: tuple[str, tuple[str, ...]] | None = None

    @property
    def own_keys(self) -> set[str]:
        """The names of all inherited fields of the records and of the objects that contain them."""
        outer = set() if isinstance(self.parents, str) else self.parents.own_keys
        return outer | self.context.keys()


@dataclass(frozen=True)
class Entity:
    """One kind of record of a platform.

    - `ignored`: known fields that are ignored on purpose
    - `contact_fields`: fields with the id of a contact. If `id` is one, the record is the contact, and an
      erasure empties its other fields.
    - `contact_if`: a field and its values for which `contact_fields` contain contacts
    - `has_ids_with_number`: whether the id of a record contains the contact's phone number
    - `aged_by`: fields whose first value is the instant that retention counts from; without them a record
      never expires
    - `nested`: locations of records inside the records of other entities
    - `has_files`: whether the entity has a folder
    """

    name: str
    fields: tuple[Field, ...]
    ignored: tuple[str, ...] = ()
    contact_fields: tuple[str, ...] = ()
    contact_if: tuple[str, tuple[str, ...]] | None = None
    has_ids_with_number: bool = False
    aged_by: tuple[str, ...] = ()
    description: str = ""
    nested: tuple[Nested, ...] = ()
    has_files: bool = True


@dataclass(frozen=True)
class Source:
    """The records of an entity in the files of a folder: the records of the files, or records nested in them.

    - `nested`: the locations in a record; empty for the record itself
    - `answers`: whether this is the first source of the folder. It reports on the whole file: an unreadable
      record is rejected as a record of its entity, so that it is counted once.
    - `envelope`: see `Platform`
    """

    entity: Entity
    nested: tuple[Nested, ...]
    answers: bool
    envelope: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_in_envelope(self) -> bool:
        """Whether the records are objects of the envelope, which defines their known keys."""
        places = {f"{nested.parents}{nested.elements.removeprefix('$')}" for nested in self.nested}
        return bool(places & {place for place, _ in self.envelope})


@dataclass(frozen=True)
class Platform:
    """A messaging platform and the entities of its exports.

    - `envelopes`: per folder, the JSON path of each object around the records, with its known keys
    - `canonical_id`: returns the SQL of a contact's canonical id, given the SQL of the exported id
    """

    name: str
    entities: tuple[Entity, ...]
    envelopes: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = field(default_factory=dict)
    canonical_id: Callable[[str], str] = "ltrim({}, '+')".format

    @cached_property
    def folders(self) -> dict[str, list[Source]]:
        """The sources of each folder of an account. The entity that the folder is named after comes first."""
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
