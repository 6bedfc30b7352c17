#!/bin/bash
# Installs what the tests need beside Go: as root on Debian and its kin with
# apt, elsewhere it names what is missing. Quick when all is there already.
# Without these programs the tests that need them are skipped, and the summary
# of `make test` lists them.
set -euo pipefail

# program, and the Debian package that has it
needs=(
	/usr/bin/aws:awscli
	/usr/bin/python3:python3
	/usr/bin/strace:strace
	/usr/bin/gcc:gcc
)
missing=()
for need in "${needs[@]}"; do
	[[ -x ${need%%:*} ]] || missing+=("${need#*:}")
done
[[ -x /usr/bin/gcc && ! -e /usr/include/stdio.h ]] && missing+=(libc6-dev)
/usr/bin/python3 -c 'import boto3' 2>/dev/null || missing+=(python3-boto3)

if ((${#missing[@]} == 0)); then
	exit 0
fi
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
	echo "test-deps: installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	apt-get install -q -y --no-install-recommends "${missing[@]}"
	exit 0
fi
echo "test-deps: please install: ${missing[*]} (Debian's names; the tests want them under /usr/bin)" >&2
[[ ${CI:-} == true ]] && exit 1
exit 0
