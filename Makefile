# Every target makes .venv when it is missing or older than pyproject.toml or constraints.txt.
# PYTHON=… chooses the interpreter; the first of these that is 3.11 or newer otherwise.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
PACKAGES := core api client imaging clinical notes fusion gateway training platform
# What make bench compares with; apart from .venv, for pydicom takes up GDCM wherever it finds it.
PEERS := simpleitk==2.5.7 dicom2nifti==2.6.2 python-gdcm==3.2.6 fhirpathpy==2.2.4 antlr4-python3-runtime==4.13.2 litserve==0.2.19 pyzmq==27.3.0
# Tests spread over two processes, file by file; WORKERS=0 runs them in one.
WORKERS ?= 2
SPREAD = $(BIN)/pytest -n $(WORKERS) --dist loadfile
LATEST_TAG = $(shell git describe --tags --abbrev=0 2>/dev/null)

.PHONY: help demo test test-all check proto constraints tools charts images bench fuzz reproduce clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(INSTALLED) ## start everything, run one simulated patient, print the prognosis
	$(BIN)/tumorcast demo

test: $(INSTALLED) ## all tests that need no Debian package, no Ray and no long run
	-$(BIN)/python tests/support/install_helm.py .tools # without it the chart tests skip and say so
	$(SPREAD) -m "not ray and not slow and not debian"

test-all: ## test, then the tests on a real Ray cluster, with Debian packages, and the long ones
	$(MAKE) test
	$(SPREAD) -m "slow and not ray and not debian"
	$(BIN)/pytest -m "ray or debian" # one Ray cluster and one of each server: nothing beside them

check: $(INSTALLED) ## lint, format, types, import contracts, protos, doctests, pins, the charts' schemas
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES:%=-p tumorcast_%)
	$(BIN)/lint-imports
	$(BIN)/buf lint proto
	$(if $(LATEST_TAG),$(BIN)/buf breaking proto --against '.git#tag=$(LATEST_TAG)$(,)subdir=proto',@echo 'No tag yet: nothing to compare the protos with.')
	$(BIN)/python tests/support/protos.py --check
	$(BIN)/python tests/support/constraints.py --check
	$(BIN)/python tests/support/chart_values.py --check
	$(BIN)/pytest --doctest-modules -q shared/tumorcast_core shared/tumorcast_api shared/tumorcast_client $(wildcard services/*/model services/*/dicom services/*/rest services/*/auth services/*/stores services/*/fhir services/*/cds) services/tumorcast_clinical/adapters services/tumorcast_platform services/tumorcast_training

proto: $(INSTALLED) ## regenerate shared/tumorcast from proto/
	$(BIN)/python tests/support/protos.py

constraints: $(INSTALLED) ## pin what is installed now in constraints.txt
	$(BIN)/python tests/support/constraints.py
	@touch $(INSTALLED)

tools: $(INSTALLED) ## fetch Helm and a second FHIR validator into .tools, for the tests
	$(BIN)/python tests/support/install_helm.py .tools
	-$(BIN)/python tests/support/install_fhir_validator.py .tools # needs npm; without it those tests skip and say so

charts: tools ## write the charts' schemas from their commented values, then the chart and image tests alone
	$(BIN)/python tests/support/chart_values.py
	$(BIN)/pytest tests/charts

images: $(INSTALLED) ## build and start what every Dockerfile makes, without Docker (some six minutes, 6 GB; IMAGES=notes)
	for service in $(or $(IMAGES),notes clinical gateway fusion imaging training); do \
		$(BIN)/python tests/support/build_image.py $$service || exit 1; done

bench: $(INSTALLED) ## readers against their peers, encoder, serving, records, one query: tables (some 20 minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .tools/peers $(PEERS)
	PYTHONPATH=$(CURDIR)/.tools/peers $(BIN)/pytest tests/benchmarks -s -m ""

fuzz: $(INSTALLED) ## 20,000 damaged DICOM files, 20,000 damaged FHIR records, 5,000 gRPC calls (some minutes; FUZZ="--seed 2")
	PYTHONPATH=tests $(BIN)/python -m fuzz.dicom_fuzz $(FUZZ)
	PYTHONPATH=tests $(BIN)/python -m fuzz.record_fuzz $(FUZZ)
	PYTHONPATH=tests $(BIN)/python -m fuzz.grpc_fuzz $(FUZZ)

DATA ?= ../shared/data
reproduce: $(INSTALLED) ## train the shipped models of real cohorts again from DATA and compare (ARGS="--only glioma --update")
	$(BIN)/python tests/support/reproduce.py --data $(DATA) $(ARGS)

clean: ## remove .venv, caches and build outputs
	rm -rf .venv .tools build dist out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo 'Tumorcast needs Python 3.11 or newer: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	test -x $(BIN)/python || '$(PYTHON)' -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $@

, := ,
