#!/bin/bash
# gofmt, go vet and staticcheck over every module.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/modules.sh

unformatted=$(gofmt -l $(find . -name '*.go' -not -path './.git/*' -not -path '*/testdata/*'))
if [[ -n $unformatted ]]; then
	echo "gofmt -w these files:" >&2
	echo "$unformatted" >&2
	exit 1
fi
go -C tools/lint build -o ../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
failed=0
for module in "${modules[@]}"; do
	[[ $module == ./tools/lint ]] && continue
	echo "lint $module"
	(cd "$module" && go vet ./... && "$OLDPWD/bin/staticcheck" ./...) || failed=1
done
exit $failed
