// Command load measures Trent under closed-loop load, beside a null server.
//
//	load run  [-seconds 2] [-rounds 5] [-conns 1,16,64] [-ops …] [-modes relaxed,strict] [-json FILE]
//	load lists [-keys 100000] [-rounds 5] [-json FILE]
//	load grants [-grants 50000] [-seconds 2] [-rounds 5] [-json FILE]
//	load algorithms [-seconds 0.5] [-rounds 3] [-only EXPRESSION] [-fills 3] [-fairness=false] [-json FILE]
//	load audit [-discard bin/discard] [-seconds 1] [-rounds 15] [-conns 16,64] [-ops …] [-mutations 300] [-json FILE]
//	load trail [-records 2000000] [-steps 5] [-dir FOLDER] [-json FILE]
//	load null -listen 127.0.0.1:0 < answers.json
//
// `make bench` is `load run`, `load lists`, `load grants` and `load algorithms` with the programs just built. The null server is
// net/http with a body read, a SigV4 check with a cached key, and an answer of
// the same bytes: what any server of this protocol in Go has to pay. On a
// shared machine only the ratio of the two, measured in turn, means something.
//
// `load algorithms` measures each key spec's operations beside the crypto
// module's own primitive, internal/hsm/alg, which `load primitives` runs on
// standard input: the one package of the product's inside that is measured
// directly.
//
// It must never start a server that others can reach, and it measures servers
// through the API, /proc and their CPU clocks only.
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"run": run, "lists": lists, "grants": grants, "algorithms": algorithms, "audit": audit, "trail": trail, "null": serveNull, "primitives": servePrimitives}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: load run|lists|grants|algorithms|audit|trail|null [flags]   (-h for the flags)")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
