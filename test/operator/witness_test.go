package operator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/test/harness"
)

// checkpointOf waits for a checkpoint of more records than that, and returns its size.
func checkpointOf(t *testing.T, s *harness.Server, more int) int {
	t.Helper()
	for {
		if c, ok := ask(t, s, "status")["audit"].(object)["checkpoint"].(object); ok && number(c, "size") > more {
			return number(c, "size")
		}
		if t.Context().Err() != nil {
			t.Fatalf("no checkpoint of more than %d records is made\n%s", more, s.Output())
		}
	}
}

// printed runs a command that succeeds, and keeps what it prints in a file.
func printed(t *testing.T, path string, args ...string) string {
	t.Helper()
	stdout, stderr, code := run(t, args...)
	if code != exitOK {
		t.Fatalf("%q: %d, %s%s", args, code, stdout, stderr)
	}
	if err := os.WriteFile(path, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	return stdout
}

// TestWitnessedTrail: over kills, each checkpoint continues the ones before, and the
// trail has all of them; a record is proven by two files, and no other by them; a
// trail that lacks what a checkpoint has is found.
func TestWitnessedTrail(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	folder := t.TempDir()
	keys, trail := filepath.Join(folder, "keys"), filepath.Join(s.Data, "audit")
	checkpoints := []string{}
	size := 0
	for i := range 4 {
		s.CreateKey(t, harness.Default)
		if i > 0 {
			s.Kill()
			s.Restart()
		}
		old := size
		size = checkpointOf(t, s, size)
		file := filepath.Join(folder, fmt.Sprintf("checkpoint-%d", i))
		checkpoint := printed(t, file, "audit", "checkpoint", "--socket", socket(s))
		request := printed(t, filepath.Join(folder, "request"), "audit", "checkpoint", "--old", fmt.Sprint(old), "--socket", socket(s))
		if head, _, _ := strings.Cut(request, "\n"); head != fmt.Sprintf("old %d", old) || !strings.HasSuffix(request, "\n\n"+checkpoint) {
			t.Errorf("a request to a witness:\n%s", request)
		}
		checkpoints = append(checkpoints, file)
	}
	printed(t, keys, "audit", "checkpoint", "--keys", "--socket", socket(s))
	if stdout, stderr, code := run(t, "audit", "checkpoint", "--old", "1000000", "--socket", socket(s)); code == exitOK {
		t.Errorf("a checkpoint larger than there is is continued: %s%s", stdout, stderr)
	}
	verify := []string{"audit", "verify", trail, "--witness", keys}
	for _, file := range checkpoints {
		verify = append(verify, "--head", file)
	}
	if stdout, stderr, code := run(t, verify...); code != exitOK || !strings.Contains(stdout, fmt.Sprintf("Records 1 to %d of ", size)) {
		t.Errorf("%d, %s%s", code, stdout, stderr)
	}

	event := text(ask(t, s, "audit", "query", "--operation", "CreateKey", "--limit", "1")["records"].([]any)[0].(object), "eventID")
	s.Kill()
	if stdout, stderr, code := run(t, "audit", "prove", trail, "--event", event, "--out", folder); code != exitOK {
		t.Fatalf("%d, %s%s", code, stdout, stderr)
	}
	proof, record := filepath.Join(folder, event+".tlog-proof"), filepath.Join(folder, event+".json")
	if stdout, stderr, code := run(t, "audit", "verify-proof", proof, record, "--witness", keys); code != exitOK || !strings.Contains(stdout, "Proven: this is record ") {
		t.Errorf("%d, %s%s", code, stdout, stderr)
	}
	for _, args := range [][]string{{proof, keys, "--witness", keys}, {record, record, "--witness", keys}, {proof, record}, {proof, record, "--witness", "x"}} {
		if stdout, _, code := run(t, append([]string{"audit", "verify-proof"}, args...)...); code == exitOK {
			t.Errorf("%q is proven: %s", args, stdout)
		}
	}

	// The last epoch is cut off, with its digests: what is left fits together.
	epochs, err := filepath.Glob(filepath.Join(trail, "*", "00000004"))
	if err != nil || len(epochs) != 1 {
		t.Fatalf("%v, %v", epochs, err)
	}
	digests, err := filepath.Glob(filepath.Join(filepath.Dir(epochs[0]), "digests", "*.digest"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(epochs, digests[len(digests)-1]) {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if stdout, _, code := run(t, verify...); code == exitOK || !strings.Contains(stdout, fmt.Sprintf("a checkpoint has %d records", size)) {
		t.Errorf("an end that is cut off: %d, %s", code, stdout)
	}
}
