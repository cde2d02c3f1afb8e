"""dbt as a program that Dagster starts, without the two look-ups by which dagster-dbt precedes every call.

Belongs here: the private names of dagster-dbt that are replaced. Does not: which commands are run.

Asking the command line for its version and building an adapter in this process cost about five seconds a run.
The version is known from the installed package, and the adapter serves features that are not used here.
"""

import sys
from functools import cached_property
from importlib.metadata import version
from typing import Any

from packaging.version import Version

# dagster-dbt imports dbt if it finds it, which takes longer than Dagster itself. Here dbt is a program only.
sys.modules.setdefault("dbt", None)
from dagster_dbt import (  # noqa: E402
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    dbt_assets,
)

if sys.modules["dbt"] is None:
    del sys.modules["dbt"]

__all__ = ["DagsterDbtTranslator", "DagsterDbtTranslatorSettings", "DbtProgram", "dbt_assets"]


class DbtProgram(DbtCliResource):
    """dbt's command line, as a resource."""

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Any) -> None:
        return None
