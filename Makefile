# make demo   render the sample campaign on this machine: page at build/demo/index.html
# make up     start the S3 server and Airflow and leave them running; make down ends them

VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv

# A folder of wheels that pip is told about (PIP_FIND_LINKS) is where uv must look too, for torch above all.
# Without one, uv takes the torch build that fits the GPU driver: TORCH_BACKEND=auto, cpu, cu130, ...
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
TORCH_BACKEND ?= auto
TORCH_ARGS := $(if $(UV_FIND_LINKS),,--torch-backend=$(TORCH_BACKEND))

# Skia's wheel links to these even where it draws without a screen; most Debian installations have them.
LIBRARIES := libegl1 libgl1
SYSTEM_LIBRARIES = { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	$(LIBRARIES); } || { echo "Two system libraries are missing. Run: sudo apt-get install $(LIBRARIES)"; exit 1; }

.PHONY: demo up down test test-slow lint clean

demo: $(VENV)/.ready
	$(VENV)/bin/adloom demo

up: $(VENV)/.ready
	$(VENV)/bin/adloom up

down: $(VENV)/.ready
	$(VENV)/bin/adloom down

test: $(VENV)/.ready
	$(PY) -m pytest -n 2

test-slow: $(VENV)/.ready
	$(PY) -m pytest -m slow

lint: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

clean:
	if [ -x $(VENV)/bin/adloom ]; then $(VENV)/bin/adloom down; fi
	rm -rf build

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet uv
	$(UV) pip install --quiet --python $(PY) $(TORCH_ARGS) --constraint constraints.txt --editable '.[all]' --group dev
	$(PY) -c 'import skia' 2>/dev/null || $(SYSTEM_LIBRARIES)
	$(PY) -m renderer.backends.kokoro_voices
	$(PY) -m renderer.picture.emoji_font
	touch $@

# Raise every version at once. Torch stays a plain version: CPU and CUDA builds of it both satisfy the line, and
# each brings the CUDA packages that fit it.
constraints:
	$(UV) pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --upgrade \
		--no-emit-find-links --no-emit-index-url --extra all --group dev pyproject.toml \
		| sed -E '/^(nvidia|cuda|triton)/d; s/^torch==([0-9.]+).*/torch==\1/' | uniq > constraints.txt
.PHONY: constraints
