# grfkit: the pipeline. Recipes call Python alone, so that they run on Windows too.

STUDY ?= virtual
RECIPE ?= paper
# of a new study; typed, never taken from the environment, where some systems keep the machine's name
NAME :=

# A study is a name in params/ or the path of any YAML file.
# `make field` takes several, of which the first is the home study: their model and its page have a folder of their own.
ALONE := $(firstword $(STUDY))
POOLED := $(if $(word 2,$(STUDY)),$(STUDY))
STUDY_FILE := $(if $(filter %.yaml %.yml,$(ALONE)),$(ALONE),params/$(ALONE).yaml)
BASE := reports/$(basename $(notdir $(STUDY_FILE)))
ifneq ($(POOLED),)
empty :=
BASE := reports/$(subst $(empty) $(empty),+,$(basename $(notdir $(POOLED))))
ifneq ($(filter-out help field $(BASE)/10_field.html,$(MAKECMDGOALS)),)
$(error A target takes one study, only `make field` trains on several at once; STUDY="$(strip $(STUDY))" names $(words $(STUDY)). Name one: make $(firstword $(MAKECMDGOALS)) STUDY=$(ALONE))
endif
endif

# A recipe is a name in params/recipes/ or the path of any YAML file; the paper's is the default, another has reports of its own.
RECIPE_FILE := $(if $(filter %.yaml %.yml,$(RECIPE)),$(RECIPE),params/recipes/$(RECIPE).yaml)
REPORTS := $(BASE)$(if $(filter paper,$(RECIPE)),,-$(basename $(notdir $(RECIPE_FILE))))
ifeq ($(wildcard $(RECIPE_FILE)),)
$(error A recipe is a YAML file; $(RECIPE_FILE) does not exist. RECIPE=$(RECIPE) does not exist; the recipes are: $(basename $(notdir $(wildcard params/recipes/*.yaml))))
endif

ifeq ($(OS),Windows_NT)
BOOT ?= python
VENV_PYTHON := .venv/Scripts/python.exe
else
BOOT ?= python3
VENV_PYTHON := .venv/bin/python
endif
# The environment: conda's, where that of environment.yml is active; else .venv, made here.
ifeq ($(CONDA_DEFAULT_ENV),grfkit)
PYTHON := python
else
PYTHON := $(VENV_PYTHON)
READY := .venv/ready
endif

# Where the recordings lie is remembered: DATA need not be typed again, and another DATA makes 01 run again.
-include $(BASE)/data.mk $(REPORTS)/data.mk
# fetch writes where DATA was typed, never into a folder that was remembered: that may be someone's own; and a new study is of
# what was typed, not of what another one remembers.
TYPED := $(patsubst %/,%,$(subst \,/,$(DATA)))
INTO := $(or $(TYPED),recordings/$(notdir $(REPORTS)))
DATA ?= $(LAST_DATA)
override DATA := $(patsubst %/,%,$(subst \,/,$(DATA)))
MOVED := $(if $(filter-out $(LAST_DATA),$(DATA))$(filter-out $(DATA),$(LAST_DATA)),FORCE)
# The table of trials lies with the recordings, or beside the study file, which names it (make before 4.2 reads no file: the usual name).
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
# What times of files do not tell: contents that differ from what a report was made of.
CHECK = $(PYTHON) -m grfkit check --study "$(STUDY_FILE)" --reports $(REPORTS)
NOTEBOOKS := 01_preprocess 02_search 03_train 04_table1 05_table2 06_table3 07_figure4
PAGES := $(NOTEBOOKS:%=$(REPORTS)/%.html)
IN_FIELD := $(REPORTS)/10_field.html $(REPORTS)/12_stream.html $(REPORTS)/13_moments.html
BEYOND := $(REPORTS)/08_generalisation.html $(REPORTS)/09_agreement.html $(IN_FIELD) $(REPORTS)/11_explanation.html $(REPORTS)/explore.html

.DELETE_ON_ERROR:
.PHONY: help environment fetch new-study estimate estimate-page score reproduce beyond field ship transfer stances explore bench search-worker course course-zip figures lint test test-all lab FORCE

help:
	@$(BOOT) -c "import re; [print(f'make {t:<13} {d}') for t, d in re.findall(r'^([a-z-]+):.*?#{2} (.+)$$', open('Makefile', encoding='utf-8').read(), re.M)]"

environment: $(READY)  ## make the environment in .venv from requirements.lock
.venv/ready: requirements.lock pyproject.toml install.py
	@$(BOOT) install.py

fetch: $(READY)  ## download the public recordings of STUDY=rbds; DATA=folder to write to, FROM=URL of another server
	@$(PYTHON) -m grfkit fetch --study "$(STUDY_FILE)" --out "$(INTO)" $(if $(FROM),--from "$(FROM)")
	@$(PYTHON) -m grfkit remember --reports $(REPORTS) --data "$(INTO)"

new-study: $(READY)  ## a study file and a table of trials of your own recordings; NAME=x, DATA=folder of C3D files, or of TRC and MOT (only read)
	@$(PYTHON) -m grfkit new-study --name "$(NAME)" --data "$(TYPED)"
	@$(PYTHON) -m grfkit remember --reports "reports/$(NAME)" --data "$(TYPED)"

# The study says where the points are and the masses, and only one that was named; all else is typed, never remembered nor of the environment.
MODEL :=
MASS :=
SPEED :=
RATE :=
TREADMILL :=
OUT :=
FORMAT :=
estimate: $(READY)  ## forces without plates, a page for a coach; DATA=recording or folder (C3D, TRC, CSV; only read), MASS=kg, MODEL=folder, FORMAT=html,csv,mot,c3d
	@$(PYTHON) -m grfkit estimate "$(TYPED)" --format "$(FORMAT)" --model "$(MODEL)" --study "$(if $(filter file default,$(origin STUDY)),,$(STUDY_FILE))" --mass "$(MASS)" --speed "$(SPEED)" --rate "$(RATE)" --treadmill "$(TREADMILL)" --out "$(OUT)"

estimate-page: $(READY)  ## drop a recording on a page in your browser, on this machine alone: notebook estimate without code; MODEL=folder
	@$(PYTHON) -m grfkit estimate-page --model "$(MODEL)"

# The benchmark is a study's; the public set's where none is named.
PREDICTIONS :=
UNIT :=
TEMPLATE :=
score: $(READY)  ## judge estimates of a study's stances, each runner left out; PREDICTIONS=file, or TEMPLATE=file to write its rows; STUDY=rbds, UNIT=weighed
	@$(PYTHON) -m grfkit score "$(PREDICTIONS)" --study "$(if $(filter file default,$(origin STUDY)),params/rbds.yaml,$(STUDY_FILE))" --unit "$(or $(UNIT),study)"$(if $(TEMPLATE), --template "$(TEMPLATE)")

reproduce: $(READY)  ## notebooks 01 to 07 and their index; STUDY=name or YAML file, DATA=folder of recordings, RECIPE=physics or another
	@$(CHECK)
	@$(MAKE) --no-print-directory --jobs=2 $(REPORTS)/index.html
	@$(PYTHON) -c "print('$(REPORTS)/index.html')"

beyond: reproduce  ## the notebooks after 07, which take longer: every recipe, each runner left out
	@$(MAKE) --no-print-directory $(BEYOND)
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)

field: $(READY)  ## without plates: notebook 10 trains the model that `make estimate` takes; STUDY=name or "name name", DATA=folder of recordings with plates
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

# From what 01 and 10 have saved, and 14 where it has run; byte for byte the same on the same machine.
ship: $(READY)  ## the model that comes with the package, anew, from a study with plates; STUDY=rbds, DATA=folder of its recordings
	@$(CHECK)
	@$(MAKE) --no-print-directory $(REPORTS)/10_field.html
	@$(PYTHON) -m grfkit ship --study "$(STUDY_FILE)" --reports $(REPORTS) --data "$(or $(DATA),$(RECORDED))"

# Studies are named anew each time, and each reads the recordings that it remembers; the stances of all are made first. What
# a recipe is of 02 and 03 is no matter here.
OTHERS :=
AGAIN = $(MAKE) --no-print-directory RECIPE=paper
transfer: $(READY)  ## train on each of some studies, test on the others: notebook 14; STUDY=name, OTHERS="name name"
	@$(PYTHON) -m grfkit transfer --study "$(STUDY_FILE)" --others "$(OTHERS)" --reports $(BASE) --data "$(TYPED)"
	@$(foreach other,$(OTHERS),$(AGAIN) STUDY=$(other) OTHERS= stances && )$(AGAIN) stances
	@$(AGAIN) $(BASE)/14_transfer.html
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(BASE)
	@$(PYTHON) -c "print('make field STUDY=$(STUDY) writes what was found into the model that make estimate takes'); print('$(BASE)/14_transfer.html')"

stances: $(READY)  ## notebook 01 alone: the stances of a study, such as one to test on; STUDY=name, DATA=folder of recordings
	@$(CHECK)
	@$(MAKE) --no-print-directory $(REPORTS)/01_preprocess.html
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)

explore: $(READY)  ## a page to look around in, static: notebook explore; it moves in JupyterLab (make lab)
	@$(CHECK)
	@$(MAKE) --no-print-directory $(REPORTS)/explore.html
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)
	@$(PYTHON) -c "print('$(REPORTS)/explore.html')"

bench: $(READY) $(TABLE)  ## what each step costs on this machine, as ratios -> reports/bench/index.html; STUDY, DATA: whose recordings
	@$(PYTHON) -m grfkit bench --study "$(STUDY_FILE)" --reports reports/bench --data "$(or $(DATA),$(RECORDED))"

# A worker is refused before 01 is made. STORAGE reaches Python through the environment: a command line shows its password.
search-worker: $(READY)  ## join the search of 02 from any machine; STORAGE=URL of its database, which `make reproduce` takes too
	@$(PYTHON) -m grfkit search-worker --study "$(STUDY_FILE)" --recipe "$(RECIPE_FILE)" --reports $(REPORTS) --check
	@$(MAKE) --no-print-directory $(REPORTS)/01_preprocess.html
	@$(PYTHON) -m grfkit search-worker --study "$(STUDY_FILE)" --recipe "$(RECIPE_FILE)" --reports $(REPORTS)

$(BASE)/recordings/trials.csv: $(STUDY_FILE) $(LABORATORY) | $(READY)
	@$(PYTHON) -m grfkit record --study "$(STUDY_FILE)" --out $(BASE)/recordings

$(REPORTS)/data.stamp: $(MOVED) | $(READY)
	@$(PYTHON) -m grfkit remember --reports $(REPORTS) --data "$(DATA)"

# What is built on: 01 and the recordings; of several studies those of each.
FIRST := $(REPORTS)/01_preprocess.html
READ := $(REPORTS)/data.stamp $(TABLE)
ifneq ($(POOLED),)
FIRST := $(addprefix reports/,$(addsuffix /01_preprocess.html,$(basename $(notdir $(POOLED)))))
READ := $(foreach one,$(POOLED),$(if $(filter %.yaml %.yml,$(one)),$(one),params/$(one).yaml))
endif

# 04, 05 and 07 need 03 alone, so that two of them run at a time.
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
# What 14 found of other laboratories goes into the model of 10; 14 trains its own and needs no 10.
$(REPORTS)/10_field.html: $(wildcard $(dir $(firstword $(FIRST)))results/14_transfer/needed.csv)
$(IN_FIELD): $(FIELD) $(READ)
$(REPORTS)/12_stream.html $(REPORTS)/13_moments.html: $(REPORTS)/10_field.html
$(REPORTS)/explore.html: $(REPORTS)/03_train.html $(EXPLORE) $(call room,virtual) $(wildcard params/recipes/*.yaml)
$(REPORTS)/index.html: $(PAGES)
	@$(PYTHON) -m grfkit index --study "$(STUDY_FILE)" --reports $(REPORTS)

figures: $(READY)  ## write the figures of README and docs from the results in reports/
	@$(PYTHON) docs/picture.py
	@$(PYTHON) docs/figures.py

lint: $(READY)  ## ruff over the library, the tests and the notebooks' cells: first of all in `make test`
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

test: lint  ## the tests but the slow ones, the study `smoke` among them: a quarter of an hour on two cores
	$(PYTHON) -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder -m "not slow"

test-all: lint  ## the slow tests too
	$(PYTHON) -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder

SESSIONS := $(notdir $(wildcard course/source/*))
# Each session goes into both books: course/student, and course/solution, of which each page depends on its source.
course: $(SESSIONS:%=course/solution/%.html) | $(READY)  ## the lab course's two books -> course/student, course/solution/index.html
	@$(PYTHON) -m grfkit course --index
$(foreach name,$(SESSIONS),$(eval course/solution/$(name).html: course/source/$(name)/$(name).ipynb))
$(SESSIONS:%=course/solution/%.html): course/solution/%.html: params/course.yaml $(LIBRARY) $(LABORATORY) $(call room,course) $(wildcard params/recipes/*.yaml) | $(READY)
	@$(PYTHON) -m grfkit course $*

course-zip: $(READY)  ## what students get, one archive without solutions -> course/grfkit-course.zip
	@$(PYTHON) -m grfkit course --zip

# A recording that is dropped in the notebook estimate is one message, and so are its page and files.
lab: $(READY)  ## JupyterLab in the project; the notebooks' own values are those of the study virtual
	@$(MAKE) --no-print-directory STUDY=virtual DATA= reports/virtual/recordings/trials.csv
	$(PYTHON) -m jupyterlab "--ServerApp.tornado_settings={'websocket_max_message_size': 101000000}" --ZMQChannelsWebsocketConnection.limit_rate=False

params/%.yaml:
	$(if $(wildcard $@),,$(error A study is a YAML file; $@ does not exist. Studies: $(filter-out published,$(basename $(notdir $(wildcard params/*.yaml))))))
