package node_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/hsm/server/servertest"
	"trent/internal/jobs"
	"trent/internal/node"
)

const (
	replicatingVar = "TRENT_TEST_REPLICATING" // what the process that gets killed begins
	replicatingKey = "TRENT_TEST_MRK"         // with which key
)

// begins are the requests after which a multi-Region key is to be synchronized.
// The key is in home and away.
var begins = map[string]func(c caller, id string) answer{
	"replication": func(c caller, id string) answer {
		return c.call("ReplicateKey", object{"KeyId": id, "ReplicaRegion": third})
	},
	"primary change": func(c caller, id string) answer {
		return c.call("UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": away})
	},
	"rotation": func(c caller, id string) answer { return c.call("RotateKeyOnDemand", object{"KeyId": id}) },
}

// A regionsWorld is a folder with a key of several materials in two Regions.
type regionsWorld struct {
	dir   string
	args  []string // of the module
	id    string
	blobs []string
}

func newRegionsWorld(t *testing.T) *regionsWorld {
	t.Helper()
	w := &regionsWorld{dir: t.TempDir(), args: servertest.Args(t)}
	f := w.fixture()
	f.open(t)
	c := f.caller(owners)
	w.id = c.multiRegion(t, nil, away)
	for range 2 {
		w.blobs = append(w.blobs, c.encrypt(t, w.id))
		c.must(t, "RotateKeyOnDemand", object{"KeyId": w.id})
		f.settled(t)
	}
	w.blobs = append(w.blobs, c.in(away).encrypt(t, w.id))
	f.close(t)
	return w
}

func (w *regionsWorld) fixture() *fixture {
	return &fixture{dir: w.dir, args: w.args, rotate: 400 * day, audit: audit.Relaxed}
}

func (w *regionsWorld) copied(t *testing.T) *regionsWorld {
	t.Helper()
	copied := *w
	copied.dir, copied.blobs = t.TempDir(), slices.Clip(w.blobs)
	if err := os.CopyFS(copied.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	return &copied
}

// dies runs a node in a process of its own that begins something and is killed at
// the point. It reports whether it came there, and notes what was encrypted.
func (w *regionsWorld) dies(t *testing.T, begin string, at jobs.ReplicationPoint) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), replicatingVar+"="+begin, replicatingKey+"="+w.id, killedFolderVar+"="+w.dir, killedKeyVar+"="+w.args[1], killedAtVar+"="+strconv.Itoa(int(at)))
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if blob, ok := strings.CutPrefix(lines.Text(), "encrypted "); ok {
			w.blobs = append(w.blobs, blob)
		}
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("the process that is to be killed when it comes to %q: %v: %s", at, err, log.Bytes())
	}
	return false
}

// replicatingProcess is the process that gets killed, if this is one.
func replicatingProcess() {
	begin := os.Getenv(replicatingVar)
	if begin == "" {
		return
	}
	if err := replicateUntilKilled(begin, os.Getenv(replicatingKey)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func replicateUntilKilled(begin, id string) error {
	point, err := strconv.Atoi(os.Getenv(killedAtVar))
	if err != nil {
		return err
	}
	w := regionsWorld{dir: os.Getenv(killedFolderVar), args: []string{servertest.Child, os.Getenv(killedKeyVar)}}
	f := w.fixture()
	begun := false
	config := f.configLogging(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	n, err := node.Open(context.Background(), config.ReplicationAt(func(p jobs.ReplicationPoint) {
		if p == jobs.ReplicationPoint(point) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until the signal arrives
		}
	}))
	if err != nil {
		return err
	}
	f.Node = n
	c := f.caller(owners)
	for !begun || c.unsettled(id) { // an answered ciphertext is one that must decrypt for good
		for _, region := range []string{home, away} {
			if got := c.in(region).call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}); got.code == "" {
				fmt.Println("encrypted " + got.str("CiphertextBlob"))
			}
		}
		if !begun {
			if got := begins[begin](c, id); got.code != "" {
				return errors.New(got.code + ": " + got.message)
			}
			begun = true
		}
	}
	return n.Close()
}

// unsettled reports whether a key is on its way somewhere.
func (c caller) unsettled(id string) bool {
	for _, region := range []string{home, away, third} {
		if s := c.in(region).keyState(id); s == "Creating" || s == "Updating" {
			return true
		}
	}
	return c.call("GetKeyRotationStatus", object{"KeyId": id}).body["OnDemandRotationStartDate"] != nil
}

// mustBeWhole opens the service again, and finds the key in its old or its new
// state, with everything that was ever encrypted.
func (w *regionsWorld) mustBeWhole(t *testing.T, begin string, done bool) {
	t.Helper()
	f := w.fixture()
	f.open(t)
	defer f.close(t)
	f.settled(t)
	w.check(t, f, begin, done)
}

// check compares the settled key with what was begun.
func (w *regionsWorld) check(t *testing.T, f *fixture, begin string, done bool) {
	t.Helper()
	c := f.caller(owners)
	regions, primary, materials := []string{home, away}, home, 3
	if done {
		switch begin {
		case "replication":
			regions = append(regions, third)
		case "primary change":
			primary = away
		case "rotation":
			materials++
		}
	}
	for _, region := range regions {
		there := c.in(region)
		if got := there.keyState(w.id); got != "Enabled" {
			t.Errorf("in %s the key is %q", region, got)
		}
		m := there.must(t, "DescribeKey", object{"KeyId": w.id}).body["KeyMetadata"].(object)["MultiRegionConfiguration"].(object)
		if m["PrimaryKey"].(object)["Region"] != primary || len(m["ReplicaKeys"].([]any)) != len(regions)-1 {
			t.Errorf("in %s: %v", region, m)
		}
		if got := there.rotations(t, w.id, "ALL_KEY_MATERIAL"); len(got) != materials || got[materials-1]["KeyMaterialState"] != "CURRENT" {
			t.Errorf("in %s: materials %v", region, got)
		}
		for _, blob := range append(slices.Clip(w.blobs), c.encrypt(t, w.id)) {
			there.decrypts(t, blob)
		}
	}
	f.noOrphans(t)
}

// comes says which points what was begun passes.
func comes(begin string, at jobs.ReplicationPoint) bool {
	moves := at >= jobs.ReplicationKeyed && at <= jobs.ReplicationStored
	return begin != "primary change" || !moves
}

// TestKilledWhileReplicating kills the whole service at every point. Started again
// it completes what it had answered.
func TestKilledWhileReplicating(t *testing.T) {
	t.Parallel()
	template := newRegionsWorld(t)
	for begin := range begins {
		for at := range jobs.NumReplicationPoints {
			t.Run(begin+", "+at.String(), func(t *testing.T) {
				t.Parallel()
				w := template.copied(t)
				if got := w.dies(t, begin, at); got != comes(begin, at) {
					t.Fatalf("killed: %v", got)
				}
				w.mustBeWhole(t, begin, true)
			})
		}
	}
}

// TestModuleKilledWhileReplicating kills the crypto module alone, once, at every
// point: the service goes on when it is back.
func TestModuleKilledWhileReplicating(t *testing.T) {
	t.Parallel()
	template := newRegionsWorld(t)
	for begin, request := range begins {
		for at := range jobs.NumReplicationPoints {
			if !comes(begin, at) {
				continue
			}
			t.Run(begin+", "+at.String(), func(t *testing.T) {
				t.Parallel()
				w := template.copied(t)
				f := w.fixture()
				killed := make(chan struct{})
				var once sync.Once
				n, err := node.Open(t.Context(), f.config(t).ReplicationAt(func(p jobs.ReplicationPoint) {
					if p == at {
						once.Do(func() { f.signal(t, syscall.SIGKILL); close(killed) })
					}
				}))
				if err != nil {
					t.Fatal(err)
				}
				f.Node = n
				defer f.close(t)
				c := f.caller(owners)
				if got := request(c, w.id); got.code != "" {
					t.Fatalf("%s: %s", got.code, got.message)
				}
				f.settled(t)
				select {
				case <-killed:
				case <-time.After(30 * time.Second):
					t.Fatal("the module was not killed")
				}
				waitFor(t, "the module is back", func() bool { return c.call("Encrypt", object{"KeyId": w.id, "Plaintext": []byte("x")}).code == "" })
				w.check(t, f, begin, true)
			})
		}
	}
}
