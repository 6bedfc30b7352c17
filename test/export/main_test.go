// Package export shows exports of the audit trail with the real programs: what
// other programs read of them, destinations that fail, and kill -9.
package export

import (
	"testing"

	"trent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

type object = map[string]any
