// Package harness builds Trent's two programs, starts them as an operator
// would, and speaks to them over the wire. The tests that use it are black-box
// tests: they know addresses, files and processes, and nothing of the inside.
//
// It must never reach into a server other than through its API, its files and
// signals. The tests under test/ import it, and nothing else.
package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// binaries is the folder with trent and trent-hsm, built by Main.
var binaries string

// Main builds both programs, runs the tests of m and removes the programs. A
// package's TestMain calls it.
func Main(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "trent-bin-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	cmd := exec.Command("go", "build", "-trimpath", "-o", folder, "./cmd/trent", "./cmd/trent-hsm")
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	binaries = folder
	return m.Run(), nil
}

// Root is the repository's root folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Program is the path of one of the programs, "trent" or "trent-hsm".
func Program(name string) string { return filepath.Join(binaries, name) }

// Soak reports whether the long forms of the tests are wanted.
func Soak() bool { return os.Getenv("TRENT_SOAK") == "1" }

// Rounds returns short, or long when the long forms are wanted.
func Rounds(short, long int) int {
	if Soak() {
		return long
	}
	return short
}
