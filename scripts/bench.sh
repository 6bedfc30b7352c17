#!/bin/bash
# Measures Trent beside a null server (test/load), then pages of long lists
# beside the store's own reads and starts with many keys, then a Decrypt with many
# grants on its key beside one with none, then every algorithm beside its
# primitive and what one account does to another, then what the audit trail
# costs, how fast a long one is searched and verified, and then the micro-benchmarks
# of every package that has some. All write to standard output, all but the last
# also to bin/bench.json, bench-lists.json, bench-grants.json, bench-algorithms.json,
# bench-audit.json and bench-trail.json there.
#
#   BENCH_SECONDS=5 make bench          longer phases; default 2
#   BENCH_FLAGS="-conns 16 -ops Decrypt" make bench
#   BENCH_KEYS=0 make bench             without lists; default 100000 keys
#   BENCH_GRANTS=0 make bench           without grants; default 50000 on a key
#   BENCH_ALGORITHMS="-only RSA" make bench
#                                       flags of load algorithms; 0 is without it
#   BENCH_AUDIT="-rounds 31" make bench
#                                       flags of load audit; 0 is without it
#   BENCH_RECORDS=0 make bench          without a long audit trail; default 2000000
#                                       records, 3.4 GB in BENCH_FOLDER (/tmp)
#   BENCH_MICRO=0 make bench            without the micro-benchmarks
#   taskset -c 0 make bench             everything on one processor
#
# Nothing is pinned unless taskset does it: on two processors the client and
# the server share them, as they do on the machines that people try this on.
set -euo pipefail
cd "$(dirname "$0")/.."
go -C test build -trimpath -o ../bin/load ./load
# BENCH_FLAGS is a list of words.
# shellcheck disable=SC2086
bin/load run -bin bin -seconds "${BENCH_SECONDS:-2}" -json bin/bench.json ${BENCH_FLAGS:-}

[[ ${BENCH_KEYS:-100000} == 0 ]] || bin/load lists -bin bin -keys "${BENCH_KEYS:-100000}" -json bin/bench-lists.json

[[ ${BENCH_GRANTS:-50000} == 0 ]] || bin/load grants -bin bin -grants "${BENCH_GRANTS:-50000}" -seconds "${BENCH_SECONDS:-2}" -json bin/bench-grants.json

# BENCH_ALGORITHMS is such a list too.
# shellcheck disable=SC2086
[[ ${BENCH_ALGORITHMS:-} == 0 ]] || bin/load algorithms -bin bin -json bin/bench-algorithms.json ${BENCH_ALGORITHMS:-}

# What the audit trail costs, beside a build of the service that discards its
# records. It stands in a folder of its own and is for nothing else.
if [[ ${BENCH_AUDIT:-} != 0 ]]; then
	mkdir -p bin/discard
	CGO_ENABLED=0 go build -trimpath -tags auditdiscard -ldflags "-s -w" -o bin/discard/trent ./cmd/trent
	cp bin/trent-hsm bin/discard/trent-hsm
	# shellcheck disable=SC2086
	bin/load audit -bin bin -discard bin/discard -seconds "${BENCH_SECONDS:-2}" -json bin/bench-audit.json ${BENCH_AUDIT:-}
	rm -r bin/discard
fi

[[ ${BENCH_RECORDS:-2000000} == 0 ]] || bin/load trail -records "${BENCH_RECORDS:-2000000}" -dir "${BENCH_FOLDER:-/tmp}" -json bin/bench-trail.json

[[ ${BENCH_MICRO:-1} == 0 ]] && exit 0
mapfile -t packages < <(grep -rl --include='*_test.go' '^func Benchmark' ./internal ./cmd | xargs -r -n1 dirname | sort -u)
if ((${#packages[@]})); then
	go test -run '^$' -bench . -benchmem -benchtime "${BENCH_TIME:-200ms}" "${packages[@]}"
fi
