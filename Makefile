# make setup   set up .venv alone
# make run     set up .venv, then run the workflow; make run ARGS="--configfile config/gz2.yaml" passes on arguments
# make test    set up .venv, then run the tests
# make bench   set up .venv, then measure speed beside plain ways to do the same; best with nothing else to do
# make demo    set up .venv, then a live survey whose volunteers are simulated and answer through the page
# make lint    check the style of Python and Snakemake code, as make test does
# make lock    pin the newest versions that pyproject.toml allows in envs/ (takes uv)
# make clean   remove .venv and caches, but no result

INSTALLED := .venv/.installed
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"
PYTHONS := python3.13 python3.12 python3.11 python3 python
LOCK := envs/requirements.txt
ARGS :=

.PHONY: setup run test bench demo lint lock clean

setup: $(INSTALLED)

run: $(INSTALLED)
	$(IN_VENV) snakemake --cores all $(ARGS)

test: $(INSTALLED)
	$(IN_VENV) pytest --numprocesses auto --dist loadfile $(ARGS)

bench: $(INSTALLED)
	$(IN_VENV) python tests/benchmark/pieces.py
	$(IN_VENV) python tests/benchmark/loop.py $(ARGS)
	$(IN_VENV) python tests/benchmark/scale.py

demo: $(INSTALLED)
	$(IN_VENV) python demo/demo.py $(ARGS)

lint: $(INSTALLED)
	$(IN_VENV) ruff check
	$(IN_VENV) ruff format --check
	$(IN_VENV) snakefmt --check Snakefile workflow
	$(IN_VENV) snakemake --lint

# TensorFlow has no wheels for Python 3.14 yet. Byte code is compiled afterwards because pip does it on one core only, and
# here rather than at the first import because some machines forbid that (PYTHONDONTWRITEBYTECODE).
$(INSTALLED): $(LOCK) pyproject.toml
	@set -e; for python in $(PYTHONS); do \
	    if $$python -c 'import pip, sys, venv; assert (3, 11) <= sys.version_info < (3, 14)' 2>/dev/null; then break; fi; \
	    if [ $$python = python ]; then echo 'error: no Python 3.11 to 3.13 with pip found' >&2; exit 1; fi; \
	done; \
	echo "Setting up .venv with $$($$python --version): once, some two minutes"; \
	$$python -m venv --clear --without-pip .venv; \
	$$python -m pip --python .venv/bin/python install -qq --require-hashes --no-deps --no-compile -r $(LOCK); \
	$$python -m pip --python .venv/bin/python install -qq --no-deps --no-build-isolation --no-compile --editable .
	@.venv/bin/python -m compileall -q -j 0 -x '/tests/' .venv/lib || true
	@touch $@

lock:
	uv pip compile pyproject.toml --extra cpu --extra fits --extra live --group dev --universal --python-version 3.11 --fork-strategy fewest \
	    --generate-hashes --no-annotate --custom-compile-command 'make lock' --upgrade --quiet --output-file $(LOCK)
	{ printf '%s\n' '# Made from requirements.txt by `make lock`: Snakemake copies this file alone, so it lists the pins again.' \
	    'name: activezoo' 'channels: [conda-forge]' 'dependencies:' '  - python=3.11' '  - pip' '  - pip:'; \
	  sed -n 's/^\([a-z].*==.*\) \\$$/      - "\1"/p' $(LOCK); } > envs/activezoo.yaml

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
