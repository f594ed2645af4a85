#!/usr/bin/env bash
# Record, train, distil and release the toy world; then look at build/toy/world/contact_sheet.png.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/python -m training debug --stage all --run build/toy --out build/toy/world
