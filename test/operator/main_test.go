// Package operator shows what operators have: the admin socket, and the commands
// that ask a running server.
package operator

import (
	"bytes"
	"encoding/json"
	"flag"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"trent/test/harness"
)

var update = flag.Bool("update", false, "write docs/cli-json.md anew")

func TestMain(m *testing.M) {
	flag.Parse()
	harness.Main(m)
}

type object = map[string]any

// wait bounds what another process needs some time for.
const wait = 30 * time.Second

// Exit codes of docs/cli.md.
const (
	exitOK = iota
	exitFailure
	exitUsage
	exitNoServer
	exitRefused
)

// run runs trent and returns what it wrote to each of its outputs.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errors bytes.Buffer
	cmd := exec.CommandContext(t.Context(), harness.Program("trent"), args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errors, wait
	_ = cmd.Run() // the code says it
	return out.String(), errors.String(), cmd.ProcessState.ExitCode()
}

// ask runs a command that asks the server and succeeds, for its JSON.
func ask(t *testing.T, s *harness.Server, args ...string) object {
	t.Helper()
	args = append(args, "--socket", socket(s), "--output", "json")
	stdout, stderr, code := run(t, args...)
	var answer object
	if code != exitOK || stderr != "" {
		t.Fatalf("%q: %d, %s", args, code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatalf("%q: %v: %s", args, err, stdout)
	}
	return answer
}

// socket is the server's admin socket.
func socket(s *harness.Server) string { return filepath.Join(s.Data, "admin.sock") }

// text returns a string in an answer, by its path.
func text(answer any, path ...string) string {
	for _, name := range path {
		m, _ := answer.(object)
		answer = m[name]
	}
	s, _ := answer.(string)
	return s
}

// number returns a number in an answer, by its path.
func number(answer any, path ...string) int {
	for _, name := range path {
		m, _ := answer.(object)
		answer = m[name]
	}
	n, _ := answer.(float64)
	return int(n)
}
