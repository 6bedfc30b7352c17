#!/bin/bash
# Changes what evaluates policies and puts their answers together in many small
# ways, one at a time, and runs the package's tests on each. A change that none of them notices must stand with its
# reason in the package's testdata/survivors.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
go -C tools build -o ../bin/mutate ./mutate

bin/mutate -tests '^TestCases$ .' -list internal/policy/testdata/survivors.txt internal/policy \
	compile.go evaluate.go holds.go operator.go pattern.go principals.go
bin/mutate -tests '^TestDecide$ .' -list internal/authz/testdata/survivors.txt internal/authz \
	authorize.go context.go decide.go global.go parameters.go refusal.go request.go
