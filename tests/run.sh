#!/usr/bin/env bash
# Installs everything the tests need into .venv and runs linter, formatter check and tests. From a clean clone.
# With MIA_VIZ_LONG=1 also the long forms: twenty kills, both themes and sizes everywhere.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
if ! .venv/bin/python tests/ui/browser.py >/dev/null 2>&1; then
  echo "No Chromium found; installing one."
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq chromium fonts-dejavu-core
  else
    .venv/bin/python -m playwright install chromium
  fi
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
export OMP_NUM_THREADS=1 GRADIO_ANALYTICS_ENABLED=False HF_HUB_OFFLINE=1
# Two at a time, a file at a time, so that its fixtures (the app among them) are made once.
.venv/bin/python -m pytest -q -rfER -n 2 --dist loadfile "$@"
