"""What `make lab` switches off of nbgrader is all that nbgrader switches on."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
THERE = Path(sys.prefix)


def read(path):
    return json.loads(path.read_text("utf-8"))


def test_every_server_extension_of_nbgrader_s_is_off():
    named = ("ServerApp", "jpserver_extensions")
    on = read(THERE / "etc" / "jupyter" / "jupyter_server_config.d" / "nbgrader.json")
    off = read(ROOT / ".jupyter" / "jupyter_server_config.json")
    for name in named:
        on, off = on[name], off[name]
    assert on and off == dict.fromkeys(on, False)


def test_its_lab_extension_is_off():
    package = THERE / "share" / "jupyter" / "labextensions" / "@jupyter" / "nbgrader"
    name = read(package / "package.json")["name"]
    assert read(ROOT / ".jupyter" / "labconfig" / "page_config.json") == {
        "disabledExtensions": {name: True}
    }


def test_make_lab_and_binder_start_it_so():
    for file in ("Makefile", ".binder/start"):
        assert "JUPYTER_CONFIG_PATH=" in (ROOT / file).read_text("utf-8")
