// Package twin tests what trent dev has for applications' tests, as an
// application does: over HTTP, and with the AWS SDK.
package twin

import (
	"testing"

	"trent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
