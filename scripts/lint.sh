#!/bin/bash
# gofmt, go vet and staticcheck over every module.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/modules.sh

failed=0
unformatted=$(gofmt -l $(find . -name '*.go' -not -path './.git/*' -not -path '*/testdata/*'))
if [[ -n $unformatted ]]; then
	echo "gofmt -w these files:" >&2
	echo "$unformatted" >&2
	failed=1
fi
go -C tools/lint build -o ../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
for module in "${modules[@]}"; do
	[[ $module == ./tools/lint ]] && continue
	echo "lint $module"
	(cd "$module" && go vet ./... && "$OLDPWD/bin/staticcheck" ./...) || failed=1
done
exit $failed
