// Package clients proves Trent against the clients that people have: the AWS
// CLI, boto3 and the AWS SDK for Go v2, each against a started server. The same
// scenarios run with each of them.
package clients

import (
	"testing"

	"trent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
