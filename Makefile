# Everything a user does: run, fetch, receive, full-refresh, replay, rebuild, rollback, ui, reports, sql, docs, test, lint, clean.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/python deploy/install.py

ifdef ENGINE
export CONVERSATIONS_ENGINE := $(ENGINE)
endif
export DO_NOT_TRACK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The settings, from the environment and .env, checked, as variables of the shell; new files are for their owner alone.
WITH_SETTINGS = settings="$$($(BIN)/python -m orchestration.environment)" && eval "$$settings" && umask 077

.PHONY: help run fetch receive full-refresh replay rebuild rollback ui reports sql docs metrics dbt spark-up spark-down test test-slow bench lint parse format pins upgrade clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: .venv/installed ## everything, from landing to the published release; ENGINE=spark on a cluster
	@$(BIN)/python -m orchestration run

fetch: .venv/installed ## what is new in the platforms' APIs, into landing: make fetch ACCOUNT=acme, or all that are connected
	@$(BIN)/python -m orchestration.fetch $(ACCOUNT)

receive: .venv/installed ## webhooks, into landing, on http://127.0.0.1:8600
	@$(BIN)/python -m orchestration.fetch.receiver --port $${PORT:-8600}

full-refresh: .venv/installed ## everything anew from landing; FORCE=1 even if landing no longer holds all
	@$(BIN)/python -m orchestration run --full-refresh $(if $(FORCE),--force)

replay: .venv/installed ## files read again, for example: make replay ARGS="--accounts demo --from-day 2025-12-01" (--help lists all)
	@$(BIN)/python -m orchestration replay $(ARGS)

rebuild: .venv/installed ## one mart made anew, checked and published: make rebuild MART=agg_by_agent
	@$(BIN)/python -m orchestration rebuild $(MART)

rollback: .venv/installed ## an older release back in place: the last, or RELEASE=<its id>
	@$(BIN)/python -m orchestration rollback $(RELEASE)

ui: .venv/installed ## Dagster's UI and daemon on http://127.0.0.1:3000
	@echo "The UI answers on this machine only and asks for no password: any program or web page here can start runs. For a server see docs/deploy.md"
	@$(WITH_SETTINGS) && mkdir -p "$$CONVERSATIONS_DAGSTER" && \
	$(BIN)/python -m dagster dev -h 127.0.0.1 -p $${PORT:-3000} -m orchestration.definitions

reports: .venv/installed ## the report pages on http://127.0.0.1:8501
	@$(WITH_SETTINGS) && $(BIN)/python -m streamlit run reports/app.py --server.port $${PORT:-8501}

sql: .venv/installed ## a prompt on the published tables, read-only
	@$(WITH_SETTINGS) && $(BIN)/duckdb -readonly "$$CONVERSATIONS_HOME/published/reports.duckdb"

docs: .venv/installed ## dbt's pages on every table, column and dependency, in one file that opens offline
	@$(WITH_SETTINGS) && cd dbt_project && ../$(BIN)/dbt --quiet docs generate --static --profiles-dir . \
		--target-path "$$CONVERSATIONS_HOME/dbt" --log-path "$$CONVERSATIONS_HOME/dbt" && \
	echo "$$CONVERSATIONS_HOME/dbt/static_index.html"

metrics: .venv/installed-dev ## dbt's metrics, for example: make metrics ARGS="query --metrics messages --group-by agent__agent_name"
	@$(WITH_SETTINGS) && cd dbt_project && export DBT_PROFILES_DIR=. && ../$(BIN)/dbt --quiet parse && ../$(BIN)/mf $(ARGS)

dbt: .venv/installed ## dbt on the warehouse, for example: make dbt ARGS="test -s fct_conversations"
	@$(WITH_SETTINGS) && target=dbt && \
	if [ "$$CONVERSATIONS_ENGINE" = spark ]; then target=dbt/spark; set -- --target spark; fi && \
	cd dbt_project && ../$(BIN)/dbt $(ARGS) --profiles-dir . \
		--target-path "$$CONVERSATIONS_HOME/$$target" --log-path "$$CONVERSATIONS_HOME/$$target" "$$@"

spark-up: .venv/installed-spark ## a Spark cluster on this machine, for ENGINE=spark
	@$(WITH_SETTINGS) && deploy/spark.sh up

spark-down: .venv/installed ## stop it
	@$(WITH_SETTINGS) && deploy/spark.sh down

test: .venv/installed-dev ## the tests, but for the slow ones
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: .venv/installed-dev ## the slow tests
	@$(BIN)/python -m pytest -n 2 -m slow

bench: .venv/installed ## what every stage costs, beside the least that does the same: make bench ARGS="--conversations 100000"
	@$(BIN)/python -m benchmarks.stages $(ARGS)

lint: .venv/installed-dev parse ## ruff, sqlfluff, dbt parse without a warning
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint models dbt_project/tests

parse: export CONVERSATIONS_HOME := $(CURDIR)/.venv/lint
parse: .venv/installed ## dbt parse without a warning
	@mkdir -p "$$CONVERSATIONS_HOME"
	@cd dbt_project && ../$(BIN)/dbt --quiet --warn-error parse --no-partial-parse --show-all-deprecations --profiles-dir . --target-path "$$CONVERSATIONS_HOME" --log-path "$$CONVERSATIONS_HOME"

format: .venv/installed-dev ## put code and SQL in the common form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix models dbt_project/tests

pins: .venv/installed ## pyproject.toml compiled into the requirements; pinned versions stay
	@deploy/compile.sh .

upgrade: ## the newest versions of the requirements, pinned if the tests pass with them
	@deploy/upgrade.sh

clean: .venv/installed ## all that was made from landing; landing itself is never touched
	@$(WITH_SETTINGS) && if [ -d "$$CONVERSATIONS_HOME/spark" ]; then deploy/spark.sh down; fi
	@$(BIN)/python -m orchestration clean
	@rm -rf .pytest_cache .ruff_cache .hypothesis dbt_project/target dbt_project/logs
	@find . -name __pycache__ -not -path "./.venv/*" -exec rm -rf {} +

.venv/installed: requirements.txt requirements-uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is %s; PYTHON=python3.13 make … names another one" % sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the pinned requirements into .venv (once) …"
	@$(INSTALL) requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt requirements-postgres.txt requirements-s3.txt requirements-spark.txt .venv/installed
	@$(INSTALL) requirements-dev.txt
	@touch $@

.venv/installed-spark: requirements-spark.txt .venv/installed
	@$(INSTALL) requirements-spark.txt
	@touch $@
