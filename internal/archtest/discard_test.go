package archtest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNothingReleasedDiscards: the build tag under which audit records are
// discarded, for a benchmark's sake, stands where that is built and nowhere else:
// no recipe of a release has it.
func TestNothingReleasedDiscards(t *testing.T) {
	t.Parallel()
	const tag = "auditdiscard"
	allowed := []string{
		"scripts/bench.sh", "test/load/audit.go", // what builds and runs it
		"internal/audit/discard.go", "internal/audit/discard_bench.go", "internal/node/trail.go", "internal/archtest/discard_test.go",
	}
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && (d.Name() == "bin" || d.Name() == ".git") {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || strings.HasSuffix(path, ".md") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte(tag)) {
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			found = append(found, filepath.ToSlash(relative))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !slices.Contains(allowed, f) {
			t.Errorf("%s names the build tag %s", f, tag)
		}
	}
	if !slices.Contains(found, "internal/audit/discard.go") {
		t.Error("the tag's own file was not read")
	}
}
