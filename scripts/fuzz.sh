#!/bin/bash
# Runs every fuzz target of every module for FUZZTIME (default 20s), one after
# the other. A new failing input is written to the package's testdata/fuzz: a
# regression test, once it is checked in.
#
#   FUZZ=./internal/arn make fuzz     only the targets of one package
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/modules.sh

failed=()
for module in "${modules[@]}"; do
	pushd "$module" >/dev/null
	while IFS=: read -r file target; do
		package=$(dirname "$file")
		[[ -n ${FUZZ:-} && ${FUZZ%/} != "$package" ]] && continue
		echo "fuzz $module $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" "$package" || failed+=("$module $package $target")
	done < <(grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . |
		while IFS=: read -r file match; do
			# A nested module's files belong to that module's turn.
			folder=$(dirname "$file")
			while [[ $folder != . && ! -e $folder/go.mod ]]; do folder=$(dirname "$folder"); done
			[[ $folder == . ]] && echo "$file:${match#func }"
		done)
	popd >/dev/null
done
if ((${#failed[@]})); then
	printf 'fuzz: failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
