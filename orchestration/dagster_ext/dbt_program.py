"""The dbt command line as a Dagster resource, without the two look-ups of dagster-dbt before each call.

Belongs here: the private names of dagster-dbt that are overridden. Does not: the commands to run.

The look-ups are `dbt --version` and the initialization of an adapter in this process. They take about five
seconds per run. The installed package provides the version, and no feature used here needs the adapter.
"""

import sys
from functools import cached_property
from importlib.metadata import version
from typing import Any

from packaging.version import Version

# dagster-dbt imports dbt if installed, which takes longer than importing Dagster. Only the program is used.
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
