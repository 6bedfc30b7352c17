#!/bin/bash
# Installs what the tests need beside Go: as root on Debian and its kin with
# apt, elsewhere it names what is missing; and what comes from npm. Quick when
# all is there already.
# Without these programs the tests that need them are skipped, and the summary
# of `make test` lists them.
set -euo pipefail

# program, and the Debian package that has it
needs=(
	/usr/bin/aws:awscli
	/usr/bin/python3:python3
	/usr/bin/strace:strace
	/usr/bin/gcc:gcc
	/usr/bin/openssl:openssl
	/usr/bin/unshare:util-linux
	/bin/ip:iproute2
	/usr/bin/node:nodejs
	/usr/bin/npm:npm
	/usr/sbin/rsyslogd:rsyslog
)
missing=()
for need in "${needs[@]}"; do
	[[ -x ${need%%:*} ]] || missing+=("${need#*:}")
done
[[ -x /usr/bin/gcc && ! -e /usr/include/stdio.h ]] && missing+=(libc6-dev)
/usr/bin/python3 -c 'import boto3' 2>/dev/null || missing+=(python3-boto3)
/usr/bin/python3 -c 'import cryptography' 2>/dev/null || missing+=(python3-cryptography)

if ((${#missing[@]} > 0)); then
	if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
		echo "test-deps: installing ${missing[*]}"
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -q
		apt-get install -q -y --no-install-recommends "${missing[@]}"
	else
		echo "test-deps: please install: ${missing[*]} (Debian's names; the tests want them under /usr/bin)" >&2
		[[ ${CI:-} == true ]] && exit 1
	fi
fi

# What comes from npm, in the versions of its lock files.
for folder in crypto/noble clients/encryptionsdk; do
	folder=$(dirname "$0")/../test/$folder
	if [[ ! $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]] && command -v npm >/dev/null; then
		echo "test-deps: installing the packages of ${folder#*../}"
		if ! npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts; then
			echo "test-deps: npm could not install the packages of ${folder#*../}" >&2
			[[ ${CI:-} == true ]] && exit 1
		fi
	fi
done
exit 0
