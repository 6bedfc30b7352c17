// Package recovery tests backups and restores as an operator makes them: with
// the commands, on real servers, with crashes.
package recovery

import (
	"testing"

	"trent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
