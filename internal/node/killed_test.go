package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/hsm/server/servertest"
	"trent/internal/jobs"
	"trent/internal/node"
	"trent/internal/record"
)

// The variables by which a test starts this program again to be killed.
const (
	killedAtVar     = "TRENT_TEST_KILLED_AT" // a jobs.Point
	killedFolderVar = "TRENT_TEST_FOLDER"    // the node's
	killedKeyVar    = "TRENT_TEST_KEY_FILE"  // the module's
)

// A deletionWorld is a folder, and what must become of its keys: those that
// are due go, the one that is not stays.
type deletionWorld struct {
	dir  string
	args []string // of the module
	due  []doomed
	kept doomed
}

type doomed struct {
	id, arn, alias, blob string
	token                []byte
}

const dueKeys = 3

// newDeletionWorld makes a world whose keys are due a week later.
func newDeletionWorld(t *testing.T) *deletionWorld {
	t.Helper()
	w := &deletionWorld{dir: t.TempDir(), args: servertest.Args(t)}
	f := w.fixture()
	f.open(t)
	c := f.caller("111122223333")
	for i := range dueKeys + 1 {
		d := doomed{id: c.createKey(t), alias: "alias/doomed-" + strconv.Itoa(i)}
		d.arn = "arn:aws:kms:eu-west-1:111122223333:key/" + d.id
		d.blob = c.encrypt(t, d.id)
		c.must(t, "CreateAlias", object{"AliasName": d.alias, "TargetKeyId": d.id})
		c.must(t, "TagResource", object{"KeyId": d.id, "Tags": []object{{"TagKey": "a", "TagValue": "b"}}})
		c.must(t, "CreateGrant", object{"KeyId": d.id, "GranteePrincipal": someRole, "RetiringPrincipal": someRole, "Operations": []string{"Decrypt"}})
		if i < dueKeys {
			c.must(t, "ScheduleKeyDeletion", object{"KeyId": d.id, "PendingWindowInDays": 7})
		}
		w.due = append(w.due, d)
	}
	all := f.stored(t)
	for i := range w.due {
		w.due[i].token = tokenOf(t, all, w.due[i].id)
	}
	w.due, w.kept = w.due[:dueKeys], w.due[dueKeys]
	return w
}

// fixture is a closed node over the world's folder.
func (w *deletionWorld) fixture() *fixture {
	return &fixture{dir: w.dir, args: w.args, rotate: 400 * day, audit: audit.Relaxed}
}

// copied is the same world in another folder.
func (w *deletionWorld) copied(t *testing.T) *deletionWorld {
	t.Helper()
	copied := *w
	copied.dir = t.TempDir()
	if err := os.CopyFS(copied.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	return &copied
}

// dies runs a node on the world in a process of its own, at the time at which
// the keys are due, until it is killed at the point. It reports whether the
// process came there; if not, the deletion is done.
func (w *deletionWorld) dies(t *testing.T, at jobs.Point) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killedFolderVar+"="+w.dir, killedKeyVar+"="+w.args[1], killedAtVar+"="+strconv.Itoa(int(at)))
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("the process that is to be killed when it comes to %q: %v: %s", at, err, out)
	}
	return false
}

// killedProcess is the process that gets killed, if this is one.
func killedProcess() {
	dir := os.Getenv(killedFolderVar)
	if dir == "" {
		return
	}
	if err := deleteUntilKilled(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// deleteUntilKilled runs a node until nothing is due any more.
func deleteUntilKilled(dir string) error {
	point, err := strconv.Atoi(os.Getenv(killedAtVar))
	if err != nil {
		return err
	}
	w := deletionWorld{dir: dir, args: []string{servertest.Child, os.Getenv(killedKeyVar)}}
	f := w.fixture()
	f.ahead.Store(int64(7*day + time.Hour))
	config := f.configLogging(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	n, err := node.Open(context.Background(), config.DeletionAt(func(p jobs.Point) {
		if p == jobs.Point(point) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until the signal arrives
		}
	}))
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Millisecond)
	for range tick.C {
		if left, err := dueRows(context.Background(), n, f.now()); err != nil || left == 0 {
			return errors.Join(err, n.Close()) // which waits for the scheduler
		}
	}
	return nil
}

// dueRows counts what is due.
func dueRows(ctx context.Context, n *node.Node, now time.Time) (int, error) {
	rows, _, _, err := n.Domains.Store.Range(ctx, record.DuePrefix("eu-west-1"), record.DueEnd("eu-west-1", now), 100)
	return len(rows), err
}

// TestKilledWhileDeleting kills the whole service at every point of a deletion.
// Started again it ends the deletion: each key once, and with all that was its.
func TestKilledWhileDeleting(t *testing.T) {
	t.Parallel()
	template := newDeletionWorld(t)
	for at := range jobs.NumPoints {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			w := template.copied(t)
			if !w.dies(t, at) {
				t.Fatal("no deletion comes to this point")
			}
			f := w.fixture()
			for _, d := range w.due {
				if there, gone := f.inFiles(t, d.token), at >= jobs.PointErased; there == gone {
					t.Errorf("after the kill a token is in the files: %v", there)
				}
			}
			w.mustBeGone(t)
		})
	}
}

// TestKilledAgainAndAgain kills the service at one point and then at another,
// wherever it has got to by then.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	template := newDeletionWorld(t)
	rounds := 4
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 200
	}
	for range rounds {
		first, second := jobs.Point(rand.N(int(jobs.NumPoints))), jobs.Point(rand.N(int(jobs.NumPoints)))
		w := template.copied(t)
		if !w.dies(t, first) {
			t.Errorf("no deletion comes to %q", first)
		}
		t.Logf("killed at %q; then at %q: %v", first, second, w.dies(t, second))
		if w.mustBeGone(t); t.Failed() {
			t.Fatalf("killed at %q, then at %q", first, second)
		}
	}
}

// mustBeGone opens the service once more, waits until nothing is due, and
// checks what is left.
func (w *deletionWorld) mustBeGone(t *testing.T) {
	t.Helper()
	f := w.fixture()
	f.ahead.Store(int64(7*day + time.Hour))
	f.open(t)
	defer f.close(t)
	waitFor(t, "nothing is due", func() bool {
		left, err := dueRows(t.Context(), f.Node, f.now())
		return err == nil && left == 0
	})
	c := f.caller("111122223333")
	for _, d := range w.due {
		d.mustBeGone(t, c)
		if f.inFiles(t, d.token) {
			t.Error("a file of the running service has a token")
		}
	}
	c.must(t, "Decrypt", object{"CiphertextBlob": w.kept.blob})
	c.must(t, "Encrypt", object{"KeyId": w.kept.alias, "Plaintext": []byte("x")})
	for op, list := range map[string]string{"ListKeys": "Keys", "ListAliases": "Aliases"} {
		if n := len(c.must(t, op, "{}").body[list].([]any)); n != 1 {
			t.Errorf("%s: %d, want 1", op, n)
		}
	}
	if tags := c.must(t, "ListResourceTags", object{"KeyId": w.kept.id}).body["Tags"].([]any); len(tags) != 1 {
		t.Errorf("the kept key has %d tags, want 1", len(tags))
	}

	for _, kv := range f.stored(t) { // which closes the node
		for _, d := range w.due {
			if row := string(kv.Key) + string(kv.Value); strings.Contains(row, d.id) || strings.Contains(row, d.alias[len("alias/"):]) {
				t.Errorf("left is %s", kv.Key)
			}
		}
	}
	deletions := f.deletions(t)
	for _, d := range w.due {
		if n := deletions[d.arn]; n != 1 {
			t.Errorf("the trail has %d deletions of a key", n)
		}
		if f.inFiles(t, d.token) {
			t.Error("a file of the closed service has a token")
		}
	}
	if len(deletions) != dueKeys {
		t.Errorf("the trail has the deletions of %d keys, want %d", len(deletions), dueKeys)
	}
	if !f.inFiles(t, w.kept.token) {
		t.Error("the kept key's token is in no file: the scan finds nothing")
	}
}

// mustBeGone checks that calls find nothing of the key.
func (d *doomed) mustBeGone(t *testing.T, c caller) {
	t.Helper()
	none := "Key '" + d.arn + "' does not exist"
	for _, row := range []struct {
		op            string
		in            object
		code, message string
	}{
		{"DescribeKey", object{"KeyId": d.id}, "NotFoundException", none},
		{"GetKeyPolicy", object{"KeyId": d.id}, "NotFoundException", none},
		{"ListResourceTags", object{"KeyId": d.id}, "NotFoundException", none},
		{"CancelKeyDeletion", object{"KeyId": d.id}, "NotFoundException", none},
		{"DescribeKey", object{"KeyId": d.alias}, "NotFoundException", "Alias arn:aws:kms:eu-west-1:111122223333:" + d.alias + " is not found."},
		{"Decrypt", object{"CiphertextBlob": d.blob, "KeyId": d.arn}, "NotFoundException", none},
		{"Decrypt", object{"CiphertextBlob": d.blob}, "AccessDeniedException",
			"User: arn:aws:iam::111122223333:root is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because " +
				"the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"},
	} {
		if got := c.call(row.op, row.in); got.status != 400 || got.code != row.code || got.message != row.message {
			t.Errorf("%s %v: %d %s: %s; want %s: %s", row.op, row.in, got.status, got.code, got.message, row.code, row.message)
		}
	}
}
