package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mainVariable turns the test binary into the program.
const mainVariable = "TRENT_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestModuleGetsNothing starts a server whose crypto module is a script that
// tells what it was given: no descriptor of the server's, no core dumps, no
// environment.
func TestModuleGetsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "module")
	text := `#!/bin/sh
[ -e /proc/self/fd/4 ] && leaked=yes
echo "descriptor=${leaked:-no} core=$(ulimit -Hc) canary=${TRENT_CANARY:-none}" >&2
exit 64
`
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "dev", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--hsm-binary", script)
	cmd.Env = append(os.Environ(), mainVariable+"=1", "TRENT_CANARY=seen")
	for range 2 { // 3 becomes the module's socket, 4 would be passed on
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exitError {
		t.Errorf("%v", err)
	}
	if !strings.Contains(string(out), "descriptor=no core=0 canary=none") {
		t.Errorf("%s", out)
	}
}

// TestFolderIsOnDisk: when the module makes its key, the names of the folders
// on the way to it are written.
func TestFolderIsOnDisk(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	data := filepath.Join(home, "data")
	module := filepath.Join(data, "module")
	var synced []string
	err := makeFolder(module, func(dir string) error {
		if info, err := os.Stat(module); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("before it is written: %v, %v", info, err)
		}
		synced = append(synced, dir)
		return syncFolder(dir)
	})
	if err != nil || !slices.Equal(synced, []string{data, home}) {
		t.Errorf("%q written, %v", synced, err)
	}
	if err := syncFolder(filepath.Join(home, "none")); err == nil {
		t.Error("a folder was written that is not there")
	}
}
