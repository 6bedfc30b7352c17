#!/bin/bash
# Rewrites every generated file: the API surface from api/model.json, and
# docs/operations.md from the tables that the tests keep.
set -euo pipefail
cd "$(dirname "$0")/.."
go generate ./...
go -C test generate ./clients
