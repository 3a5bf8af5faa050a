# Needs Python 3.11, make and a package index; everything else is installed below .venv and .uv.
PYTHON ?= python3.11
UV_VERSION := 0.13.9
UV := .uv/bin/uv
# SYNC=--no-dev leaves out what only tests need; "--no-dev --extra postgres" adds a client. What was
# given last holds until something else is.
SYNC ?= $(shell cat .uv/sync 2>/dev/null)
RUN := .venv/bin/python
DBT := .venv/bin/dbt

export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := yes
export GX_ANALYTICS_ENABLED := false

MODELS := $(shell find models seeds dbt -type f -name '*.*') dbt_project.yml

.DEFAULT_GOAL := help
.PHONY: FORCE help install run backfill preview diff explain fixlist dev test test-spark check lint types soak soak-equality soak-faults soak-cluster bench dictionary clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(UV):
	@$(PYTHON) --version >/dev/null || { echo "Python 3.11 is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.uv/sync: FORCE | $(UV)
	@[ -f $@ ] && [ "$$(cat $@)" = "$(SYNC)" ] || echo "$(SYNC)" > $@

.venv/.installed: pyproject.toml uv.lock .uv/sync
	$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON) $(SYNC)
	@touch $@

target/manifest.json: .venv/.installed $(MODELS)
	@$(DBT) --quiet parse --profiles-dir dbt
	@$(RUN) -m dagster_project.changes.compile

install: target/manifest.json ## Install everything the project needs

run: install ## Run the nightly job: make run [AS_OF=2026-11-20] [KNOWN=2026-11-21]
	@$(RUN) -m dagster_project run $(if $(AS_OF),--as-of $(AS_OF)) $(if $(KNOWN),--known $(KNOWN))

backfill: install ## Compute history for a range: make backfill FROM=2026-01-01 TO=2026-06-30
	@$(RUN) -m dagster_project backfill --from $(FROM) --to $(TO) $(if $(KNOWN),--known $(KNOWN))

explain: install ## Show a customer's classes and why: make explain CUSTOMER=<key or name> [LABELS=zh]
	@$(RUN) -m dagster_project explain --customer "$(CUSTOMER)" $(if $(LABELS),--labels $(LABELS))

fixlist: install ## Write what an owner should correct: make fixlist OWNER=<name or key>
	@$(RUN) -m dagster_project fixlist --owner "$(OWNER)"

preview: install ## Show who would move: make preview RULES=folder [ON=2027-01-01]
	@$(RUN) -m dagster_project preview --rules "$(RULES)" $(if $(ON),--on $(ON))

diff: install ## Show what differs between two runs: make diff A=<run> B=<run>
	@$(RUN) -m dagster_project diff --a "$(A)" --b "$(B)"

dev: install ## Open the Dagster UI with schedule and sensor
	@$(RUN) -m dagster_project dev

# In order of the folders: the long integration tests first, the short unit tests fill what is left.
test: install ## Run all tests but Spark and the long ones
	@$(RUN) -m pytest -m "not soak and not bench" --ignore tests/spark -n 2 --dist loadfile --no-loadscope-reorder

test-spark: install ## Run the tests on Apache Spark (needs Java 17)
	@$(RUN) -m dagster_project.spark_check
	$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON) --extra spark
	@$(RUN) -m pytest tests/spark -m "not soak" -n 2 --dist loadfile

lint: install
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/sqlfluff lint models --processes 2 --disable-progress-bar -q

types: install
	@.venv/bin/mypy

check: install ## Lint, types and tests
	@$(MAKE) --no-print-directory --jobs 2 lint types
	@$(MAKE) --no-print-directory test

soak: install ## Long fault and equality runs
	@$(MAKE) --no-print-directory --jobs 2 soak-equality soak-faults
	@$(MAKE) --no-print-directory soak-cluster

# Side by side: each takes about as long, and pytest-xdist would queue one behind the other.
soak-equality: install
	@$(RUN) -m pytest tests/integration/test_many_nights.py -m soak -rP

soak-faults: install
	@$(RUN) -m pytest --ignore tests/spark --ignore tests/integration/test_many_nights.py -m soak -rP

soak-cluster: install
	@$(RUN) -m dagster_project.spark_check
	$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON) --extra spark
	@$(RUN) -m pytest tests/spark -m soak -rP

bench: install ## Benchmarks against hand-written baselines
	$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON) --group bench
	@$(RUN) -m pytest tests/benchmarks -m bench -s

dictionary: install ## Write DATA_DICTIONARY.md from the descriptions of the models
	@$(RUN) -m dagster_project.report.data_dictionary

clean: ## Remove what was built and installed, not the data
	rm -rf .venv .uv target .pytest_cache .mypy_cache .ruff_cache .hypothesis
