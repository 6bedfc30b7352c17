package stress

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"trent/test/disk"
	"trent/test/harness"
)

const internal = "KMSInternalException"

// capacity of the disks.
const capacity = 256 << 20

// get asks the metrics listener.
func (s *service) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: wait}
	res, err := client.Get(s.MetricsURL(t) + path)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return res.StatusCode, string(b)
}

// What /readyz says of a trail that takes no records, and of a service that is well.
const (
	refuses = `"audit":"refuses records"`
	ready   = `{"ready":true`
)

// readiness waits until /readyz says so.
func (s *service) readiness(t *testing.T, want string) {
	t.Helper()
	if !harness.Eventually(wait, func() bool { _, body := s.get(t, "/readyz"); return strings.Contains(body, want) }) {
		_, body := s.get(t, "/readyz")
		t.Fatalf("/readyz does not come to say %s: %s\n%s", want, body, s.Output())
	}
}

// status runs trent status.
func (s *service) status(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), harness.Program("trent"), "status", "--config", s.p.Config).CombinedOutput()
	if err != nil {
		t.Errorf("trent status: %v\n%s", err, out)
	}
	return string(out)
}

// TestBrokenDisk breaks the disk under load, in each way. From when that is known,
// every call fails with AWS's error, Decrypt and Sign too, and nobody hangs; health
// checks, metrics and operators are answered. When the disk is well, so is the
// service, by itself, and the trail has every call.
func TestBrokenDisk(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		durability string
		mount      func(*testing.T) (path string, harm, mend func())
	}{
		"full":          {"strict", mounted((*disk.Disk).Fill)},
		"full, relaxed": {"relaxed", mounted((*disk.Disk).Fill)},
		"full tmpfs":    {"strict", tmpfs},
		"read-only":     {"strict", mounted(func(d *disk.Disk) { d.Break(syscall.EROFS) })},
		"no quota left": {"strict", mounted(func(d *disk.Disk) { d.Break(syscall.EDQUOT) })},
		"failing":       {"strict", mounted(func(d *disk.Disk) { d.Break(syscall.EIO) })},
		"stalled":       {"strict", mounted((*disk.Disk).Stall)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, harm, mend := row.mount(t)
			s := serve(t, path, row.durability, 2*time.Second)
			c := newCallers(t, s)
			end := c.load(8)
			for range harness.Rounds(2, 10) {
				c.more(100)
				harm()
				s.readiness(t, refuses)
				s.refuses(t, c)
				mend()
				s.readiness(t, ready)
				c.more(100)
			}
			end()
			keys := c.keys()
			if s.Stop() != 0 {
				t.Errorf("the server does not stop in order:\n%s", s.Output())
			}
			r := c.read()
			r.mutations(keys)
			r.calls()
			r.gaps()
		})
	}
}

// mounted is a disk to break.
func mounted(harm func(*disk.Disk)) func(*testing.T) (string, func(), func()) {
	return func(t *testing.T) (string, func(), func()) {
		d := disk.New(t, capacity)
		return d.Path, func() { harm(d) }, d.Mend
	}
}

// tmpfs is one of the kernel's own file systems, small, that a file fills up.
func tmpfs(t *testing.T) (path string, harm, mend func()) {
	path = t.TempDir()
	if err := unix.Mount("trent-test", path, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("no file system to fill: %v (as root it works)", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(path, "ballast")
	harm = func() {
		if err := os.WriteFile(ballast, make([]byte, 32<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("filling the file system: %v", err)
		}
	}
	mend = func() {
		if err := os.Remove(ballast); err != nil {
			t.Error(err)
		}
	}
	return path, harm, mend
}

// refuses checks a service whose trail cannot be written.
func (s *service) refuses(t *testing.T, c *callers) {
	t.Helper()
	for _, operation := range operations {
		if m, answered := c.call(operation); !answered || m.code != internal {
			t.Errorf("%s: %+v", operation, m)
		}
	}
	if status, _ := s.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	if _, metrics := s.get(t, "/metrics"); !strings.Contains(metrics, "\ntrent_ready 0\n") {
		t.Error("the metrics do not say that it is not ready")
	}
	if out := s.status(t); !strings.Contains(out, "audit error") {
		t.Errorf("trent status names no error of the trail:\n%s", out)
	}
}
