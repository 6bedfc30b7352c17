// Package soak puts Trent under the load of many clients while its processes
// are killed and restarted, and holds every answer against what was
// acknowledged before. What it needs stands in harness; nothing imports it.
package soak

import (
	"testing"

	"trent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
