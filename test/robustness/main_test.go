// Package robustness shows that Trent bears what it should never get: bad
// input, crashes, a killed module, a curious reader of its files. Each test
// starts a server of its own and looks at it from outside.
package robustness

import (
	"testing"

	"trent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

type object = map[string]any
