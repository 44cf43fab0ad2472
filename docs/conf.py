"""How Sphinx builds the documentation: `make docs`."""

from pathlib import Path

import matplotlib

import sklearn_htc

ROOT = Path(__file__).parents[1]
matplotlib.use("agg")

project = "sklearn_htc"
author = "the sklearn_htc developers"
version = release = sklearn_htc.__version__
copyright = f"2026, {author}"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/*.ipynb", "gallery/*.py", "gallery/*.md5"]
suppress_warnings = ["config.cache"]

myst_heading_anchors = 3
autosummary_generate = True
autosummary_ignore_module_all = False
templates_path = ["_templates"]
# Docstrings say it in words.
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
# The templates list methods, in full.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"quickstart\.py",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "abort_on_example_error": True,
    "min_reported_time": 1,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_htc"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_nav_level": 1,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
}
