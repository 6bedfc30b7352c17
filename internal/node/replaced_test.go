package node_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trent/internal/admin"
	"trent/internal/export"
	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
)

// TestExportOfALostTrail: what an export had not delivered of a trail that was
// moved away, in part or whole, is told of: in the trail, in the status, and to
// whom the export goes.
func TestExportOfALostTrail(t *testing.T) {
	t.Parallel()
	for _, lose := range []string{"*", "*/*", "*/00000002"} {
		state := t.TempDir()
		f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) {
			c.Exports = []export.Export{{Name: "siem", Syslog: &export.Syslog{Address: "unix://" + filepath.Join(state, "nobody")}, Every: 10 * time.Millisecond}}
		})
		owner := f.caller("111122223333")
		owner.createKey(t)
		f.close(t)
		f.open(t)
		owner.must(t, "ListKeys", object{})
		f.close(t)
		all, err := filepath.Glob(filepath.Join(f.dir, "audit", lose))
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		for i, path := range all {
			err = errors.Join(err, os.Rename(path, filepath.Join(state, string(rune('a'+i)))))
		}
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", filepath.Join(state, "nobody")) // what is left goes out first
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				go func() { _, _ = io.Copy(io.Discard, conn) }()
			}
		}()
		change := f.change
		f.change = func(c *node.Config) { change(c); c.NewTrail = true }
		f.open(t)
		waitFor(t, "the export says what it lacks", func() bool {
			page, err := f.AuditRecords(t.Context(), admin.AuditQuery{Operation: export.Skipped, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return len(page.Records) == 1 && strings.Contains(string(page.Records[0]), "the trail was lost")
		})
	}
}
