#!/usr/bin/env bash
# Are weaknesses known of the versions in constraints.txt (all that the app, its tests, MONAI and Ray bring)? Asks the
# advisory database of the Python Package Index through pip-audit, which is not kept.
# Exit code 0: none, or the database cannot be reached from here (which is said, after a minute at most); 1: some.
set -uo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
if ! timeout 60 "$python" -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 10 \
  --target "$tools" pip-audit >"$tools/log" 2>&1; then
  echo "Dependencies were not audited: pip-audit cannot be installed here."
  exit 0
fi
PYTHONPATH="$tools" timeout 300 "$python" -m pip_audit --requirement constraints.txt --disable-pip --no-deps \
  --timeout 10 --format json --progress-spinner off >"$tools/found.json" 2>"$tools/log"
"$python" - "$tools/found.json" <<'PY'
import json, sys
try:
    found = json.load(open(sys.argv[1]))["dependencies"]
except (ValueError, LookupError):
    found = []
audited = [d for d in found if "skip_reason" not in d]  # a mirror without advisories "skips" everything
if not audited:
    print("Dependencies were not audited: the advisory database cannot be reached from here.")
    sys.exit(0)
known = [(d["name"], d.get("version", ""), v["id"], ", ".join(v["fix_versions"])) for d in audited for v in d.get("vulns", [])]
for name, version, number, fixed in known:
    print(f"{name} {version}: {number}, fixed in {fixed or 'no version yet'}")
print(f"{len(audited)} of {len(found)} dependencies audited, {len(known)} known weaknesses.")
sys.exit(1 if known else 0)
PY
