# The commands of users and developers; `make` lists them.
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
# Sets the validated settings of the environment and .env as shell variables. New files are private to their owner.
WITH_SETTINGS = settings="$$($(BIN)/python -m orchestration.environment)" && eval "$$settings" && umask 077

.PHONY: help run fetch receive full-refresh replay rebuild rollback ui reports sql docs metrics dbt spark-up spark-down test test-slow bench pictures lint parse format pins upgrade clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: .venv/installed ## run the pipeline, from landing to the published release; ENGINE=spark on a cluster
	@$(BIN)/python -m orchestration run

fetch: .venv/installed ## fetch new records from the platforms' APIs into landing: make fetch ACCOUNT=acme, or all connected accounts
	@$(BIN)/python -m orchestration.fetch $(ACCOUNT)

receive: .venv/installed ## receive webhooks into landing on http://127.0.0.1:8600
	@$(BIN)/python -m orchestration.fetch.receiver --port $${PORT:-8600}

full-refresh: .venv/installed ## rebuild everything from landing; FORCE=1 also if files are missing in landing
	@$(BIN)/python -m orchestration run --full-refresh $(if $(FORCE),--force)

replay: .venv/installed ## ingest files again: make replay ARGS="--accounts demo --from-day 2025-12-01" (--help lists all)
	@$(BIN)/python -m orchestration replay $(ARGS)

rebuild: .venv/installed ## rebuild, check and publish one mart: make rebuild MART=agg_by_agent
	@$(BIN)/python -m orchestration rebuild $(MART)

rollback: .venv/installed ## restore the previous release, or RELEASE=<id>
	@$(BIN)/python -m orchestration rollback $(RELEASE)

ui: .venv/installed ## start Dagster's UI and daemon on http://127.0.0.1:3000
	@echo "The UI answers on this machine only and asks for no password: any program or web page here can start runs. docs/deploy.md describes servers."
	@$(WITH_SETTINGS) && mkdir -p "$$CONVERSATIONS_DAGSTER" && \
	$(BIN)/python -m dagster dev -h 127.0.0.1 -p $${PORT:-3000} -m orchestration.definitions

reports: .venv/installed ## serve the report pages on http://127.0.0.1:8501
	@$(WITH_SETTINGS) && $(BIN)/python -m streamlit run reports/app.py --server.port $${PORT:-8501}

sql: .venv/installed ## open a read-only prompt on the release
	@$(WITH_SETTINGS) && $(BIN)/duckdb -readonly "$$CONVERSATIONS_HOME/published/reports.duckdb"

docs: .venv/installed ## generate dbt's documentation of tables, columns and lineage as one HTML file
	@$(WITH_SETTINGS) && cd dbt_project && ../$(BIN)/dbt --quiet docs generate --static --profiles-dir . \
		--target-path "$$CONVERSATIONS_HOME/dbt" --log-path "$$CONVERSATIONS_HOME/dbt" && \
	echo "$$CONVERSATIONS_HOME/dbt/static_index.html"

metrics: .venv/installed-dev ## query dbt's metrics: make metrics ARGS="query --metrics messages --group-by agent__agent_name"
	@$(WITH_SETTINGS) && cd dbt_project && export DBT_PROFILES_DIR=. && ../$(BIN)/dbt --quiet parse && ../$(BIN)/mf $(ARGS)

dbt: .venv/installed ## run dbt on the warehouse: make dbt ARGS="test -s fct_conversations"
	@$(WITH_SETTINGS) && target=dbt && \
	if [ "$$CONVERSATIONS_ENGINE" = spark ]; then target=dbt/spark; set -- --target spark; fi && \
	cd dbt_project && ../$(BIN)/dbt $(ARGS) --profiles-dir . \
		--target-path "$$CONVERSATIONS_HOME/$$target" --log-path "$$CONVERSATIONS_HOME/$$target" "$$@"

spark-up: .venv/installed-spark ## start a Spark cluster on this machine, for ENGINE=spark
	@$(WITH_SETTINGS) && deploy/spark.sh up

spark-down: .venv/installed ## stop the Spark cluster
	@$(WITH_SETTINGS) && deploy/spark.sh down

test: .venv/installed-dev ## run the tests, except the slow ones
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: .venv/installed-dev ## run the slow tests
	@$(BIN)/python -m pytest -n 2 -m slow

bench: .venv/installed ## measure each stage against its baseline: make bench ARGS="--conversations 100000"
	@$(BIN)/python -m benchmarks.stages $(ARGS)

pictures: .venv/installed-dev ## take the pictures of the README from the sample; needs chromium
	@$(BIN)/python -m docs.pictures

lint: .venv/installed-dev parse ## run ruff, sqlfluff, and dbt parse without warnings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint models dbt_project/tests

lint parse: export CONVERSATIONS_HOME := $(CURDIR)/.venv/lint
parse: .venv/installed ## run dbt parse without warnings
	@mkdir -p "$$CONVERSATIONS_HOME"
	@cd dbt_project && ../$(BIN)/dbt --quiet --warn-error parse --no-partial-parse --show-all-deprecations --profiles-dir . --target-path "$$CONVERSATIONS_HOME" --log-path "$$CONVERSATIONS_HOME"

format: .venv/installed-dev ## format code and SQL
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix models dbt_project/tests

pins: .venv/installed ## compile pyproject.toml into the requirements; pinned versions stay
	@deploy/compile.sh .

upgrade: ## pin the newest versions of the requirements, if the tests pass with them
	@deploy/upgrade.sh

clean: .venv/installed ## remove all files derived from landing, but not landing
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
