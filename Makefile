# grfkit: the pipeline. Its rules call only Python, so that they run on Windows too.

STUDY ?= virtual
RECIPE ?= paper
# Name of a new study. It is typed, never taken from the environment: some systems keep the machine's name there.
NAME :=

# A study is a name in params/ or the path of any YAML file.
# `make field` takes several; the first is the home study. Their model and its page have a folder of their own.
ALONE := $(firstword $(STUDY))
POOLED := $(if $(word 2,$(STUDY)),$(STUDY))
STUDY_FILE := $(if $(filter %.yaml %.yml,$(ALONE)),$(ALONE),params/$(ALONE).yaml)
BASE := reports/$(basename $(notdir $(STUDY_FILE)))
ifneq ($(POOLED),)
empty :=
BASE := reports/$(subst $(empty) $(empty),+,$(basename $(notdir $(POOLED))))
ifneq ($(filter-out help field $(BASE)/10_field.html,$(MAKECMDGOALS)),)
$(error A target takes one study; only `make field` takes several. STUDY="$(strip $(STUDY))" names $(words $(STUDY)). Name one: make $(firstword $(MAKECMDGOALS)) STUDY=$(ALONE))
endif
endif

# A recipe is a name in params/recipes/ or the path of any YAML file. The paper's is the default; any other writes to reports/STUDY-RECIPE.
RECIPE_FILE := $(if $(filter %.yaml %.yml,$(RECIPE)),$(RECIPE),params/recipes/$(RECIPE).yaml)
REPORTS := $(BASE)$(if $(filter paper,$(RECIPE)),,-$(basename $(notdir $(RECIPE_FILE))))
ifeq ($(wildcard $(RECIPE_FILE)),)
$(error A recipe is a YAML file; RECIPE=$(RECIPE) names $(RECIPE_FILE), which does not exist. Choose one of these: $(basename $(notdir $(wildcard params/recipes/*.yaml))))
endif

ifeq ($(OS),Windows_NT)
BOOT ?= python
VENV_PYTHON := .venv/Scripts/python.exe
else
BOOT ?= python3
VENV_PYTHON := .venv/bin/python
endif
# The environment: conda's if the one of environment.yml is active, otherwise .venv, which make creates.
ifeq ($(CONDA_DEFAULT_ENV),grfkit)
PYTHON := python
else
PYTHON := $(VENV_PYTHON)
READY := .venv/ready
endif

# make remembers where the recordings are: you type DATA once. Another DATA makes 01 run again.
-include $(BASE)/data.mk $(REPORTS)/data.mk
# fetch writes only to the DATA that was typed, never to a remembered folder, which may hold somebody's own recordings.
# new-study too takes only the DATA that was typed.
TYPED := $(patsubst %/,%,$(subst \,/,$(DATA)))
INTO := $(or $(TYPED),recordings/$(notdir $(REPORTS)))
DATA ?= $(LAST_DATA)
override DATA := $(patsubst %/,%,$(subst \,/,$(DATA)))
MOVED := $(if $(filter-out $(LAST_DATA),$(DATA))$(filter-out $(DATA),$(LAST_DATA)),FORCE)
# The table of trials is with the recordings, or next to the study file, which names it. (Before 4.2 make cannot read a file: then only the usual names count.)
NAMED := $(filter %.csv,$(subst ",,$(file < $(STUDY_FILE))))
TABLE := $(wildcard $(DATA)/trials.csv $(DATA)/participantInfo.csv $(basename $(STUDY_FILE))_trials.csv $(addprefix $(dir $(STUDY_FILE)),$(NAMED)))
ifeq ($(DATA),)
ifeq ($(shell $(BOOT) -c "import pathlib, re, sys; p = pathlib.Path(sys.argv[1]); t = p.read_text(encoding='utf-8') if p.is_file() else ''; print(bool(re.search('^laboratory:', t, re.M) and re.search('^ +data: *recordings', t, re.M)))" "$(STUDY_FILE)"),True)
TABLE := $(BASE)/recordings/trials.csv
RECORDED := $(BASE)/recordings
endif
endif

# The library by rooms: a room is a folder of modules, with its subrooms.
room = $(wildcard $(foreach name,$(1),grfkit/$(name)/*.py grfkit/$(name)/*/*.py))
FIELD := $(filter-out $(addprefix grfkit/field/,estimate.py estimate_tables.py beside_plates.py),$(filter-out grfkit/evaluation/field/shipping.py,$(call room,field evaluation/field))) $(wildcard grfkit/evaluation/stream*.py grfkit/evaluation/moments_accuracy.py grfkit/reports/plots/field.py grfkit/evaluation/transfer.py grfkit/evaluation/transfer_bands.py)
EXPLORE := $(wildcard grfkit/evaluation/explore.py grfkit/reports/widgets.py grfkit/reports/plots/explore.py)
ELSEWHERE := $(call room,recordings/new_study evaluation/cost reports/exports reports/terminal) $(wildcard $(addprefix grfkit/recordings/,by_study.py csv_points.py discover.py formats/foreign.py fetch.py labels.py) grfkit/reports/estimate*.py grfkit/reports/check.py grfkit/study/others.py grfkit/reports/templates/estimate*.j2)
ELSEWHERE += $(call room,reports/benchmark reports/upload) $(wildcard grfkit/evaluation/score.py grfkit/reports/templates/score*.j2) grfkit/evaluation/field/shipping.py
TRANSFER := $(wildcard grfkit/evaluation/transfer*.py grfkit/reports/plots/transfer.py)
LIBRARY := $(filter-out $(FIELD) $(TRANSFER) $(EXPLORE) $(ELSEWHERE),$(filter-out grfkit/cli.py grfkit/__main__.py,$(wildcard grfkit/*.py)) $(wildcard grfkit/reports/templates/*) $(call room,study recordings stances estimators evaluation reports))
LABORATORY := $(filter-out grfkit/virtual/one_runner.py grfkit/virtual/example.py grfkit/study/others.py,$(call room,virtual)) $(wildcard grfkit/study/*.py grfkit/points.py grfkit/recordings/trials.py grfkit/recordings/formats/cells.py)
# Finds what the times of files do not show: contents that differ from those a report was made from.
CHECK = $(PYTHON) -m grfkit check --study "$(STUDY_FILE)" --reports $(REPORTS)
NOTEBOOKS := 01_preprocess 02_search 03_train 04_table1 05_table2 06_table3 07_figure4
PAGES := $(NOTEBOOKS:%=$(REPORTS)/%.html)
IN_FIELD := $(REPORTS)/10_field.html $(REPORTS)/12_stream.html $(REPORTS)/13_moments.html
BEYOND := $(REPORTS)/08_generalisation.html $(REPORTS)/09_agreement.html $(IN_FIELD) $(REPORTS)/11_explanation.html $(REPORTS)/explore.html

.DELETE_ON_ERROR:
.PHONY: help environment fetch new-study estimate estimate-page score reproduce beyond field ship transfer stances explore bench search-worker course course-zip figures lint test test-all lab FORCE

help:
	@$(BOOT) -c "import re; [print(f'make {t:<13} {d}') for t, d in re.findall(r'^([a-z-]+):.*?#{2} (.+)$$', open('Makefile', encoding='utf-8').read(), re.M)]"

environment: $(READY)  ## make the Python environment in .venv from requirements.lock
.venv/ready: requirements.lock pyproject.toml install.py
	@$(BOOT) install.py

fetch: $(READY)  ## download the recordings of a public study; STUDY=rbds, DATA=folder, FROM=server
	@$(PYTHON) -m grfkit fetch --study "$(STUDY_FILE)" --out "$(INTO)" $(if $(FROM),--from "$(FROM)")
	@$(PYTHON) -m grfkit remember --reports $(REPORTS) --data "$(INTO)"

new-study: $(READY)  ## draft a study file and a table of trials; NAME=mine, DATA=folder of recordings
	@$(PYTHON) -m grfkit new-study --name "$(NAME)" --data "$(TYPED)"
	@$(PYTHON) -m grfkit remember --reports "reports/$(NAME)" --data "$(TYPED)"

# A study, if one is named, says where the points are and gives the masses. All else is typed, never remembered or taken from the environment.
MODEL :=
MASS :=
SPEED :=
RATE :=
TREADMILL :=
OUT :=
FORMAT :=
estimate: $(READY)  ## estimate forces without plates; DATA=file or folder, MASS=kg, FORMAT=html,mot
	@$(PYTHON) -m grfkit estimate "$(TYPED)" --format "$(FORMAT)" --model "$(MODEL)" --study "$(if $(filter file default,$(origin STUDY)),,$(STUDY_FILE))" --mass "$(MASS)" --speed "$(SPEED)" --rate "$(RATE)" --treadmill "$(TREADMILL)" --out "$(OUT)"

estimate-page: $(READY)  ## open a page in your browser on which you drop a recording; MODEL=folder
	@$(PYTHON) -m grfkit estimate-page --model "$(MODEL)"

# The benchmark belongs to a study; if none is named, to the public set rbds.
PREDICTIONS :=
UNIT :=
TEMPLATE :=
score: $(READY)  ## score your own estimates; PREDICTIONS=file or TEMPLATE=file, STUDY=name
	@$(PYTHON) -m grfkit score "$(PREDICTIONS)" --study "$(if $(filter file default,$(origin STUDY)),params/rbds.yaml,$(STUDY_FILE))" --unit "$(or $(UNIT),study)"$(if $(TEMPLATE), --template "$(TEMPLATE)")

reproduce: $(READY)  ## run notebooks 01 to 07, write their index; STUDY=name, DATA=folder, RECIPE=name
	@$(CHECK)
	@$(MAKE) --no-print-directory --jobs=2 $(REPORTS)/index.html
	@$(PYTHON) -c "print('$(REPORTS)/index.html')"

beyond: reproduce  ## run notebooks 01 to 13 and explore: every recipe, each runner left out (slower)
	@$(MAKE) --no-print-directory $(BEYOND)
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)

field: $(READY)  ## train a model for `make estimate` (notebook 10); STUDY=name or "a b", DATA=folder
ifeq ($(POOLED),)
	@$(CHECK)
	@$(MAKE) --no-print-directory $(REPORTS)/10_field.html
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)
	@$(PYTHON) -c "print('MODEL=$(REPORTS)/results/10_field/model')"
else
	@$(PYTHON) -m grfkit pool --pooled "$(POOLED)" --data "$(TYPED)"
	@$(PYTHON) -m grfkit check --study "$(STUDY_FILE)" --reports $(BASE)
	@$(foreach one,$(POOLED),$(AGAIN) STUDY=$(one) stances && )$(AGAIN) $(BASE)/10_field.html
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(firstword $(dir $(FIRST)))
	@$(PYTHON) -c "print('MODEL=$(BASE)/results/10_field/model  $(BASE)/10_field.html')"
endif

# Uses what 01 and 10 have saved, and 14 if it has run. On the same machine the model is the same, byte for byte.
ship: $(READY)  ## train the model that comes with the package again; STUDY=rbds, DATA=folder
	@$(CHECK)
	@$(MAKE) --no-print-directory $(REPORTS)/10_field.html
	@$(PYTHON) -m grfkit ship --study "$(STUDY_FILE)" --reports $(REPORTS) --data "$(or $(DATA),$(RECORDED))"

# You name the studies each time; each reads the recordings that it remembers. The stances of all are made first.
# RECIPE matters to 02 and 03 only, so it is the paper's here.
OTHERS :=
AGAIN = $(MAKE) --no-print-directory RECIPE=paper
transfer: $(READY)  ## train on each study, test on the others (notebook 14); STUDY=name, OTHERS="a b"
	@$(PYTHON) -m grfkit transfer --study "$(STUDY_FILE)" --others "$(OTHERS)" --reports $(BASE) --data "$(TYPED)"
	@$(foreach other,$(OTHERS),$(AGAIN) STUDY=$(other) OTHERS= stances && )$(AGAIN) stances
	@$(AGAIN) $(BASE)/14_transfer.html
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(BASE)
	@$(PYTHON) -c "print('make field STUDY=$(STUDY) writes what was found into the model that make estimate takes'); print('$(BASE)/14_transfer.html')"

stances: $(READY)  ## cut recordings into stances (notebook 01 alone); STUDY=name, DATA=folder
	@$(CHECK)
	@$(MAKE) --no-print-directory $(REPORTS)/01_preprocess.html
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)

explore: $(READY)  ## run notebook explore as a page; its controls work in JupyterLab only (make lab)
	@$(CHECK)
	@$(MAKE) --no-print-directory $(REPORTS)/explore.html
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)
	@$(PYTHON) -c "print('$(REPORTS)/explore.html')"

bench: $(READY) $(TABLE)  ## time each step on this machine -> reports/bench; STUDY=name, DATA=folder
	@$(PYTHON) -m grfkit bench --study "$(STUDY_FILE)" --reports reports/bench --data "$(or $(DATA),$(RECORDED))"

# A worker that cannot join is refused before 01 runs. STORAGE reaches Python through the environment: a command line would show its password.
search-worker: $(READY)  ## join the search of notebook 02 from any machine; STORAGE=URL of its database
	@$(PYTHON) -m grfkit search-worker --study "$(STUDY_FILE)" --recipe "$(RECIPE_FILE)" --reports $(REPORTS) --check
	@$(MAKE) --no-print-directory $(REPORTS)/01_preprocess.html
	@$(PYTHON) -m grfkit search-worker --study "$(STUDY_FILE)" --recipe "$(RECIPE_FILE)" --reports $(REPORTS)

$(BASE)/recordings/trials.csv: $(STUDY_FILE) $(LABORATORY) | $(READY)
	@$(PYTHON) -m grfkit record --study "$(STUDY_FILE)" --out $(BASE)/recordings

$(REPORTS)/data.stamp: $(MOVED) | $(READY)
	@$(PYTHON) -m grfkit remember --reports $(REPORTS) --data "$(DATA)"

# What the later notebooks build on: 01 and the recordings, of each study if there are several.
FIRST := $(REPORTS)/01_preprocess.html
READ := $(REPORTS)/data.stamp $(TABLE)
ifneq ($(POOLED),)
FIRST := $(addprefix reports/,$(addsuffix /01_preprocess.html,$(basename $(notdir $(POOLED)))))
READ := $(foreach one,$(POOLED),$(if $(filter %.yaml %.yml,$(one)),$(one),params/$(one).yaml))
endif

# 04, 05 and 07 need only 03, so that two of them run at a time.
$(PAGES) $(BEYOND) $(REPORTS)/14_transfer.html: $(REPORTS)/%.html: notebooks/%.ipynb $(STUDY_FILE) params/published.yaml $(LIBRARY) | $(READY)
	@$(PYTHON) -m grfkit run $< --study "$(STUDY_FILE)" --recipe "$(RECIPE_FILE)" --reports $(REPORTS) --data "$(or $(DATA),$(RECORDED))"$(if $(filter 14_transfer,$*), --others "$(OTHERS)")$(if $(POOLED), --pooled "$(POOLED)")
$(REPORTS)/01_preprocess.html: $(REPORTS)/data.stamp $(TABLE)
$(REPORTS)/02_search.html $(BEYOND): $(FIRST)
$(REPORTS)/02_search.html: $(RECIPE_FILE)
$(REPORTS)/03_train.html: $(REPORTS)/02_search.html
$(REPORTS)/04_table1.html $(REPORTS)/05_table2.html $(REPORTS)/07_figure4.html: $(REPORTS)/03_train.html
$(REPORTS)/06_table3.html: $(REPORTS)/05_table2.html
$(REPORTS)/08_generalisation.html $(REPORTS)/10_field.html $(REPORTS)/11_explanation.html: $(wildcard params/recipes/*.yaml)
$(REPORTS)/09_agreement.html: $(REPORTS)/08_generalisation.html
$(REPORTS)/14_transfer.html: $(REPORTS)/01_preprocess.html $(FIELD) $(TRANSFER) $(REPORTS)/data.stamp $(TABLE) $(wildcard params/recipes/*.yaml)
$(REPORTS)/14_transfer.html: $(wildcard $(foreach other,$(OTHERS),reports/$(basename $(notdir $(other)))/01_preprocess.html))
# What 14 found about other laboratories goes into the model of 10. 14 trains its own model and does not need 10.
$(REPORTS)/10_field.html: $(wildcard $(dir $(firstword $(FIRST)))results/14_transfer/needed.csv)
$(IN_FIELD): $(FIELD) $(READ)
$(REPORTS)/12_stream.html $(REPORTS)/13_moments.html: $(REPORTS)/10_field.html
$(REPORTS)/explore.html: $(REPORTS)/03_train.html $(EXPLORE) $(call room,virtual) $(wildcard params/recipes/*.yaml)
$(REPORTS)/index.html: $(PAGES)
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)

figures: $(READY)  ## write the figures of README and docs from the results in reports/
	@$(PYTHON) docs/picture.py
	@$(PYTHON) docs/figures.py

lint: $(READY)  ## check the library, the tests and the notebooks' cells with ruff
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

test: lint  ## run all tests except the slow ones: a quarter of an hour on two cores
	$(PYTHON) -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder -m "not slow"

test-all: lint  ## run all tests, the slow ones too
	$(PYTHON) -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder

SESSIONS := $(notdir $(wildcard course/source/*))
# Each session goes into both books, course/student and course/solution. Each page depends on its session's source.
course: $(SESSIONS:%=course/solution/%.html) | $(READY)  ## build the lab course's two books -> course/student and course/solution/index.html
	@$(PYTHON) -m grfkit course --index
$(foreach name,$(SESSIONS),$(eval course/solution/$(name).html: course/source/$(name)/$(name).ipynb))
$(SESSIONS:%=course/solution/%.html): course/solution/%.html: params/course.yaml $(LIBRARY) $(LABORATORY) $(call room,course) $(wildcard params/recipes/*.yaml) | $(READY)
	@$(PYTHON) -m grfkit course $*

course-zip: $(READY)  ## build the students' archive, without solutions -> course/grfkit-course.zip
	@$(PYTHON) -m grfkit course --zip

# The notebook estimate sends a dropped recording to the kernel as one message, and its page and files back: the limits are raised for it.
lab: $(READY)  ## open JupyterLab; the notebooks are set to the study virtual
	@$(MAKE) --no-print-directory STUDY=virtual DATA= reports/virtual/recordings/trials.csv
	$(PYTHON) -m jupyterlab "--ServerApp.tornado_settings={'websocket_max_message_size': 101000000}" --ZMQChannelsWebsocketConnection.limit_rate=False

params/%.yaml:
	$(if $(wildcard $@),,$(error A study is a YAML file; $@ does not exist. Choose one of these: $(filter-out published,$(basename $(notdir $(wildcard params/*.yaml))))))
