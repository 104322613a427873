# The two commands of a newcomer are `make demo` and `make test`; both set up .venv first, once.
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
DEMO_ARGS ?=
FUZZ_ARGS ?=
UV_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv demo test fuzz check format schema constraints clean

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || \
		sed -n 's/^\([a-z]*\):.*## /  make \1  /p' $(MAKEFILE_LIST)

venv: ## make .venv with the pinned packages, or mend it (PYTHON=... names the interpreter)
	@tools/venv.sh

demo: venv ## the whole chain on three photographs: train, export, prove, classify a video, bench
	@$(BIN)/tlx demo $(DEMO_ARGS)

test: venv ## all tests (PYTEST_ARGS='-m "not slow" tests/runtime' for some)
	@tools/tests.sh $(PYTEST_ARGS)

fuzz: venv ## hostile model files into the loaders for ten minutes (FUZZ_ARGS='--minutes 1' for one), then Keras files
	@$(BIN)/python -m tests.fuzz.fuzzing $(FUZZ_ARGS)
	@TLX_FUZZ_EXAMPLES=3000 $(BIN)/python -m pytest -q tests/export/test_keras_file.py -k "spoiled or any_configuration"

check: venv ## lint, format, types, layers; no tests
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: venv ## put the code into the house's format and mend what lint can
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

schema: venv ## write docs/contract.schema.json, docs/result.schema.json and docs/bench.schema.json from their classes
	@for name in contract result bench; do \
		$(BIN)/python tools/schemas.py $$name > docs/$$name.schema.json.new && \
		mv docs/$$name.schema.json.new docs/$$name.schema.json || exit 1; \
	done

constraints: venv ## make constraints.txt from pyproject.toml (UV_ARGS=--upgrade takes newer releases)
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--extra demo --extra heic --extra loadgen --extra dev --no-emit-index-url --no-header --quiet $(UV_ARGS) -o constraints.txt

clean: ## remove .venv, caches and built packages; runs/ and demo/ stay
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find runtime export tlcore benchmarks tests -name __pycache__ -prune -exec rm -rf {} +
