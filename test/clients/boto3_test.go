package clients

import (
	_ "embed"
	"os/exec"
	"testing"

	"trent/test/harness"
)

// pythonProgram is Debian's, whose modules include python3-boto3.
const pythonProgram = "/usr/bin/python3"

//go:embed testdata/driver.py
var boto3Driver string

// boto3 makes calls through one Python process.
type boto3 struct{ *lines }

func connectBoto3(t testing.TB, s *harness.Server, who harness.Who) caller {
	needs(t, pythonProgram)
	if err := exec.Command(pythonProgram, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is not installed; make test-deps says what to install")
	}
	return &boto3{startLines(t, boto3Driver, environment(s, who))}
}

func (b *boto3) call(t testing.TB, operation string, in object) (object, error) {
	t.Helper()
	service, operation := service(operation)
	var answer struct {
		Out           object
		Code, Message string
	}
	if err := b.ask(object{"service": service, "operation": operation, "in": in}, &answer); err != nil {
		return nil, err
	}
	if answer.Code != "" {
		return nil, &apiError{answer.Code, answer.Message}
	}
	return answer.Out, nil
}
