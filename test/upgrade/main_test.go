package upgrade

import (
	"testing"

	"trent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
