// Package production shows trent as an operator runs it: init, serve, a
// certificate that is replaced, a stop, and everything that must not work.
package production

import (
	"testing"

	"trent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

type object = map[string]any
