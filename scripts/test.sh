#!/bin/bash
# Vets and tests every module through test/runner, which prints the summary.
# TRENT_SOAK=1 asks for the long forms. The race detector is on for the root
# module, whose packages are the concurrent ones; the rest drive a real server.
set -euo pipefail
cd "$(dirname "$0")/.."
go -C test/runner build -o ../../bin/test-runner .
exec bin/test-runner
