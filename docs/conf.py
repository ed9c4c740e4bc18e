"""Sphinx: MyST pages, tutorials executed by the build, reference from docstrings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import ignite_unlearn

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "ignite_unlearn"
author = "The ignite_unlearn developers"
copyright = "2026, the ignite_unlearn developers"
release = version = ignite_unlearn.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    "notebooks",
]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [
    # Names of types that are spelled out where they are used, and nets and bases that nobody calls.
    (
        r"py:class",
        r"(Accessor|Attack|Audit|Classifier|FakeScores|Images|Inverter|Judge|Measure|OptimizerFactory|Pairs|Scores|"
        r"MakeAttack|Row|Left|Start|DiscriminatorStep|Labelled|(.*\.)?T|.*\.Beside|.*\._[A-Z]\w+|.*Judges)",
    ),
    (r"py:class", r"~_P|Fields|(.*\.)?_T|.*\.LatentMixture"),
    # Other projects' objects: their inventories would have to be downloaded, and a build downloads nothing.
    (
        r"py:.*",
        r"(torch|nn|np|numpy|ignite|importlib|contextlib|types|tqdm|collections|pathlib|PIL|"
        r"Path|Tensor|Dataset|Engine|EventEnum|NotComputableError)(\..*)?",
    ),
]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_timeout = 600  # seconds a cell
nb_execution_raise_on_error = True
nb_execution_in_temp = True  # what a page writes stays out of the sources
os.environ["PYTHONPATH"] = str(Path(__file__).parent / "tutorials")  # for the pages' kernels
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # the bars are text here
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "ignite_unlearn"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_js_files = ["focus.js"]
html_copy_source = True
