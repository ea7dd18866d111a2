#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image: Python and what uv.lock says.
set -euo pipefail
cd "${AUTOGRADER_ROOT:-/autograder}/source"
python3 -m pip --version >/dev/null 2>&1 || {
  apt-get update
  apt-get install --yes --no-install-recommends python3-pip
}
[ -x .uv/bin/uv ] || python3 -m pip install --quiet --target .uv 'uv>=0.8'
.uv/bin/uv sync --locked --no-group dev
