package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"

	"trent/test/harness"
)

// lines is a Python program that answers each line of JSON with another.
type lines struct {
	mu     sync.Mutex // one call at a time
	stdin  io.Writer
	stdout *bufio.Reader
	stderr *bytes.Buffer
}

func startLines(t testing.TB, program string, environment []string) *lines {
	t.Helper()
	cmd := exec.Command(pythonProgram, "-c", program)
	cmd.Env = environment
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	l := &lines{stdin: stdin, stdout: bufio.NewReader(stdout), stderr: new(bytes.Buffer)}
	cmd.Stderr = l.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	return l
}

// ask sends in as a line and reads the answer into out.
func (l *lines) ask(in, out any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.stdin, harness.Marshal(in))
	line, err := l.stdout.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the program ended: %w", err)
	}
	return json.Unmarshal(line, out)
}
