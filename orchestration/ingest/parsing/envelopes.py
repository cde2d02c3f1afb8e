"""Unknown fields of envelopes: the JSON around the records in webhooks and in API pages.

Belongs here: the known keys of API pages, and the SQL that finds unknown keys. Does not: the fields of the
records (`readers`).
"""

from orchestration.common.sql import quoted
from orchestration.ingest.parsing import readers
from orchestration.ingest.parsing.layouts import Layout
from orchestration.ingest.parsing.readers import PAGES
from orchestration.ingest.platforms.schema import Source

# JSON path of an object → its keys that are read or ignored on purpose.
PAGE = {
    "$": ("results", "payload", "data", "meta", "count", "next", "previous"),
    "$.data": ("payload", "meta"),
}


def unknown_keys(paths: list[str], layout: Layout, source: Source) -> str | None:
    """Return the SELECT of path and name of each unknown key in the envelopes of these files.

    The name is the path of the key, such as `entry.changes.value.calls`. Return None if there is no envelope,
    or if another source of the same files reports on it.
    """
    if not source.answers or not layout.is_json:
        return None
    selects = []
    if source.envelope:
        selects.append(_unknown(readers.json_values(paths, layout), dict(source.envelope)))
    if layout.kind == "objects":
        pages = readers.json_values(paths, layout, in_pages=False)
        is_page = " OR ".join(f"json_type(line, {quoted(page)}) = 'ARRAY'" for page in PAGES)
        selects.append(_unknown(f"SELECT * FROM ({pages}) WHERE {is_page}", PAGE))
    return " UNION ".join(selects) or None


def _unknown(values: str, known: dict[str, tuple[str, ...]]) -> str:
    levels = ", ".join(_unknown_at(place, keys) for place, keys in known.items())
    return f"""
        SELECT DISTINCT path, unnest(names) AS name
        FROM (SELECT path, flatten([{levels}]) AS names FROM ({values})
            WHERE flaw IS NULL AND json_valid(line))"""


def _unknown_at(place: str, known: tuple[str, ...]) -> str:
    parents = f"json_extract(line, {quoted(place)})"
    parents = parents if "[*]" in place else f"[{parents}]"
    prefix = quoted(f"{place}.".removeprefix("$.").replace("[*]", ""))
    return f"""list_transform(
        list_filter(
            flatten(list_transform({parents}, lambda parent: json_keys(parent))),
            lambda key: key NOT IN ({", ".join(map(quoted, known))})
        ),
        lambda key: {prefix} || key)"""
