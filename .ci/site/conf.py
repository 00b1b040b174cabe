"""How Sphinx makes the site; `.ci/site/build` lays out the sources and calls it."""

import re
from importlib.metadata import version as installed

project = "jesse_nb"
author = "jesse_nb contributors"
release = version = installed("jesse-nb")

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]
include_patterns = ["index.md", "notebooks/**", "reference/**"]
exclude_patterns = ["**/.ipynb_checkpoints", "**/conftest.py"]

nb_execution_mode = "off"  # they are run by the tests, which compare what comes
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # numpydoc's sections name the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"jesse_nb {release}"

_PICTURE = re.compile(r'<picture>\s*<source [^>]*srcset="(?P<dark>[^"]+)">\s*<img src="(?P<light>[^"]+)" '
                      r'alt="(?P<alt>[^"]*)">\s*</picture>')


def pictures(app, docname, source):
    """Make Sphinx's images, one for each theme, of the pictures as GitHub takes them."""
    source[0] = _PICTURE.sub(
        lambda found: "\n".join(f"```{{image}} {found[theme]}\n:class: only-{theme}\n:alt: {found['alt']}\n```\n"
                                for theme in ("light", "dark")), source[0])


def setup(app):
    """Have the pictures replaced before a page is read."""
    app.connect("source-read", pictures)
