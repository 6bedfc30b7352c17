package clients

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"

	"trent/test/harness"
)

// pythonProgram is Debian's, whose modules include python3-boto3.
const pythonProgram = "/usr/bin/python3"

//go:embed testdata/driver.py
var boto3Driver string

// boto3 makes calls through one Python process.
type boto3 struct {
	mu     sync.Mutex // one call at a time
	stdin  io.Writer
	stdout *bufio.Reader
	stderr *bytes.Buffer
}

func connectBoto3(t testing.TB, s *harness.Server, who harness.Who) caller {
	needs(t, pythonProgram)
	if err := exec.Command(pythonProgram, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is not installed; make test-deps says what to install")
	}
	cmd := exec.Command(pythonProgram, "-c", boto3Driver)
	cmd.Env = environment(s, who)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	b := &boto3{stdin: stdin, stdout: bufio.NewReader(stdout), stderr: new(bytes.Buffer)}
	cmd.Stderr = b.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	return b
}

func (b *boto3) call(t testing.TB, operation string, in object) (object, error) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	service, operation := service(operation)
	fmt.Fprintln(b.stdin, harness.Marshal(object{"service": service, "operation": operation, "in": in}))
	line, err := b.stdout.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the driver ended: %w", err)
	}
	var answer struct {
		Out           object
		Code, Message string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if answer.Code != "" {
		return nil, &apiError{answer.Code, answer.Message}
	}
	return answer.Out, nil
}
