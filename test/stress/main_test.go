// Package stress shows what Trent does when its disk is full, read-only, stalled or
// without power: every call gets its error within a bound, nothing acknowledged
// is lost, no record is missing, and once the disk is well again so is the service.
package stress

import (
	"testing"

	"trent/test/disk"
	"trent/test/harness"
)

func TestMain(m *testing.M) {
	disk.Apart()
	harness.Main(m)
}

type object = map[string]any
