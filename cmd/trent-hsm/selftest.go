package main

import (
	"crypto/fips140"
	"fmt"
	"io"

	"trent/internal/harden"
	"trent/internal/hsm/sandbox"
	"trent/internal/hsm/selftest"
	"trent/internal/hsm/supervisor/exit"
)

// selfTest runs the known-answer tests, enters the sandbox, tries what it must
// deny, and prints a line for each.
func selfTest(stdout io.Writer) int {
	status := exit.OK
	report := func(name string, err error) {
		if err != nil {
			fmt.Fprintf(stdout, "FAIL %s: %v\n", name, err)
			status = exit.SelfTest
			return
		}
		fmt.Fprintf(stdout, "ok   %s\n", name)
	}
	if !fips140.Enabled() {
		report("FIPS 140-3 mode", fmt.Errorf("is off: GODEBUG sets fips140"))
	} else {
		report("FIPS 140-3 mode, module "+fips140.Version(), nil)
	}
	report("known answers", selftest.Run(nil))
	if err := harden.Process(); err != nil {
		report("harden", err)
		return status
	}
	level, err := sandbox.Enter()
	report(fmt.Sprintf("sandbox, Landlock ABI %d", level.LandlockABI), err)
	for _, check := range sandbox.Checks() {
		report("cannot "+check.Name, check.Try())
	}
	return status
}
