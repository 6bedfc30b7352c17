package node_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/hsm/server/servertest"
	"trent/internal/jobs"
	"trent/internal/node"
	"trent/internal/store"
)

const (
	agingVar   = "TRENT_TEST_AGING"   // the key that the process that gets killed uses meanwhile
	requestVar = "TRENT_TEST_REQUEST" // what it is asked for, if it is killed once that is committed
)

// A materialWorld is a folder with keys that are to change.
type materialWorld struct {
	dir     string
	args    []string // of the module
	rotated string   // rotates after 90 days
	expires string   // its imported material expires after 90 days
	token   []byte   // of that material
	blobs   []string // of the first key
	expired string   // a ciphertext of the second
	asks    map[string]*materialRequest
}

// A materialRequest changes a key's materials in one transaction.
type materialRequest struct {
	Op    string
	In    object
	state string // of the key after it
	count int    // its materials then
	blob  string // what the key encrypted before, "" if nothing
	again []byte // to be imported first, before the blob decrypts
}

func newMaterialWorld(t *testing.T) *materialWorld {
	t.Helper()
	w := &materialWorld{dir: t.TempDir(), args: servertest.Args(t)}
	f := w.fixture()
	f.open(t)
	c := f.caller(owners)
	w.rotated, w.expires = c.createKey(t), c.createExternal(t)
	c.must(t, "EnableKeyRotation", object{"KeyId": w.rotated, "RotationPeriodInDays": 90})
	w.blobs = append(slices.Clip(w.blobs), c.encrypt(t, w.rotated))
	c.must(t, "ImportKeyMaterial", c.importing(t, w.expires, filled(1), object{"ExpirationModel": nil, "ValidTo": float64(f.now().Add(90 * day).Unix())}))
	w.expired = c.encrypt(t, w.expires)
	w.ask(t, c)
	w.token = tokenOf(t, f.stored(t), w.expires)
	return w
}

// ask prepares the requests.
func (w *materialWorld) ask(t *testing.T, c caller) {
	t.Helper()
	owned := func(materials ...byte) string {
		id := c.createExternal(t)
		for i, m := range materials {
			more := object{}
			if i > 0 {
				more["ImportType"] = "NEW_KEY_MATERIAL"
			}
			c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(m), more))
		}
		return id
	}
	first, again, next, turned, bare, made := owned(), owned(1), owned(1), owned(1, 2), owned(1), c.createKey(t)
	blobs := map[string]string{}
	for _, id := range []string{again, next, turned, bare, made} {
		blobs[id] = c.encrypt(t, id)
	}
	c.must(t, "DeleteImportedKeyMaterial", object{"KeyId": again})
	w.asks = map[string]*materialRequest{
		"first import":         {Op: "ImportKeyMaterial", In: c.importing(t, first, filled(1), nil), state: "Enabled", count: 1},
		"import again":         {Op: "ImportKeyMaterial", In: c.importing(t, again, filled(1), nil), state: "Enabled", count: 1},
		"import of a next one": {Op: "ImportKeyMaterial", In: c.importing(t, next, filled(2), object{"ImportType": "NEW_KEY_MATERIAL"}), state: "Enabled", count: 2},
		"rotation of imported": {Op: "RotateKeyOnDemand", In: object{"KeyId": turned}, state: "Enabled", count: 2},
		"deletion":             {Op: "DeleteImportedKeyMaterial", In: object{"KeyId": bare}, state: "PendingImport", count: 1, again: filled(1)},
		"rotation":             {Op: "RotateKeyOnDemand", In: object{"KeyId": made}, state: "Enabled", count: 2},
	}
	for _, r := range w.asks {
		r.blob = blobs[r.In["KeyId"].(string)]
	}
}

func (w *materialWorld) fixture() *fixture {
	return &fixture{dir: w.dir, args: w.args, rotate: 400 * day, audit: audit.Relaxed}
}

func (w *materialWorld) copied(t *testing.T) *materialWorld {
	t.Helper()
	copied := *w
	copied.dir = t.TempDir()
	if err := os.CopyFS(copied.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	return &copied
}

// dies runs a node in a process of its own until it is killed, and fails the test
// if it is not. It notes what was encrypted.
func (w *materialWorld) dies(t *testing.T, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), agingVar+"="+w.rotated, killedFolderVar+"="+w.dir, killedKeyVar+"="+w.args[1]), env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if blob, ok := strings.CutPrefix(lines.Text(), "encrypted "); ok {
			w.blobs = append(w.blobs, blob)
		}
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process is not killed: %v: %s", err, log.Bytes())
	}
}

// agingProcess is the process that gets killed, if this is one.
func agingProcess() {
	id := os.Getenv(agingVar)
	if id == "" {
		return
	}
	w := materialWorld{dir: os.Getenv(killedFolderVar), args: []string{servertest.Child, os.Getenv(killedKeyVar)}}
	work := func() error { return w.ageUntilKilled(id) }
	if request := os.Getenv(requestVar); request != "" {
		work = func() error { return w.askUntilKilled(request) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal arrives
}

// ageUntilKilled encrypts under a key while its time comes.
func (w *materialWorld) ageUntilKilled(id string) error {
	point, err := strconv.Atoi(os.Getenv(killedAtVar))
	if err != nil {
		return err
	}
	f := w.fixture()
	f.ahead.Store(int64(91 * day))
	config := f.configLogging(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if f.Node, err = node.Open(context.Background(), config.MaterialAt(func(p jobs.MaterialPoint) {
		if p == jobs.MaterialPoint(point) {
			die()
		}
	})); err != nil {
		return err
	}
	for c := f.caller(owners); ; {
		got := c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")})
		if got.code != "" {
			return errors.New(got.code + ": " + got.message)
		}
		fmt.Println("encrypted " + got.str("CiphertextBlob"))
		if left, err := dueRows(context.Background(), f.Node, f.now()); err != nil || left == 0 {
			return errors.Join(err, f.Node.Close()) // a point may come until it is closed
		}
	}
}

// askUntilKilled does a request, and dies when it is committed and nobody knows.
func (w *materialWorld) askUntilKilled(request string) error {
	f := w.fixture()
	n, err := node.Open(context.Background(), f.configLogging(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if err != nil {
		return err
	}
	f.Node = n
	var r materialRequest
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		return err
	}
	n.Domains.Store.Observe(func(_ store.Rev, events []store.Event) {
		for _, e := range events {
			if strings.Contains(string(e.KV.Key), "/k/"+owners+"/"+r.In["KeyId"].(string)) {
				die()
			}
		}
	})
	got := f.caller(owners).call(r.Op, r.In)
	return errors.New("answered: " + got.code + ": " + got.message)
}

// mustHaveAged opens the service again: the first key is rotated once, the second
// has lost its material, each with its record, and everything that was encrypted
// decrypts, of the second when it has its material again.
func (w *materialWorld) mustHaveAged(t *testing.T) {
	t.Helper()
	f := w.fixture()
	f.ahead.Store(int64(91 * day))
	f.open(t)
	defer f.close(t)
	w.haveAged(t, f)
}

func (w *materialWorld) haveAged(t *testing.T, f *fixture) {
	t.Helper()
	waitFor(t, "nothing is due", func() bool {
		left, err := dueRows(t.Context(), f.Node, f.now())
		return err == nil && left == 0
	})
	c := f.caller(owners)
	waitFor(t, "the service has heard of it", func() bool {
		return len(c.rotations(t, w.rotated, "ALL_KEY_MATERIAL")) == 2 && c.keyState(w.expires) == "PendingImport"
	})
	if list := c.rotations(t, w.rotated, "ALL_KEY_MATERIAL"); len(list) != 2 || list[1]["KeyMaterialState"] != "CURRENT" || list[1]["RotationType"] != "AUTOMATIC" {
		t.Errorf("materials %v", list)
	}
	for _, blob := range append(w.blobs, c.encrypt(t, w.rotated)) {
		c.decrypts(t, blob)
	}
	if got := c.state(t, w.expires); got != "PendingImport " {
		t.Errorf("the key whose material has expired is %s", got)
	}
	if f.inFiles(t, w.token) {
		t.Error("a file has the token of the material that has expired")
	}
	f.noOrphans(t)
	c.must(t, "ImportKeyMaterial", c.importing(t, w.expires, filled(1), nil))
	c.decrypts(t, w.expired)
	f.noOrphans(t)
	f.close(t)
	count := map[any]int{}
	for _, r := range f.records(t) {
		if r["eventType"] == "AwsServiceEvent" && r["eventName"] != "UnrecordedCalls" { // those of who waited for the module
			count[r["eventName"]]++
		}
	}
	if count["RotateKey"] != 1 || count["DeleteExpiredKeyMaterial"] != 1 || len(count) != 2 {
		t.Errorf("events %v", count)
	}
}

// TestKilledWhileAging kills the whole service at every point of an automatic
// rotation and of an expiry.
func TestKilledWhileAging(t *testing.T) {
	t.Parallel()
	template := newMaterialWorld(t)
	for at := range jobs.NumMaterialPoints {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			w := template.copied(t)
			w.dies(t, killedAtVar+"="+strconv.Itoa(int(at)))
			w.mustHaveAged(t)
		})
	}
}

// TestModuleKilledWhileAging kills the crypto module alone, once, at every point.
func TestModuleKilledWhileAging(t *testing.T) {
	t.Parallel()
	template := newMaterialWorld(t)
	for at := range jobs.NumMaterialPoints {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			w := template.copied(t)
			f := w.fixture()
			killed := make(chan struct{})
			done := false
			n, err := node.Open(t.Context(), f.config(t).MaterialAt(func(p jobs.MaterialPoint) {
				if p == at && !done {
					done = true
					f.signal(t, syscall.SIGKILL)
					close(killed)
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			f.Node = n
			defer f.close(t)
			f.ahead.Store(int64(91 * day))
			f.Wake()
			select {
			case <-killed:
			case <-time.After(30 * time.Second):
				t.Fatal("the module is not killed")
			}
			c := f.caller(owners)
			waitFor(t, "the module is back", func() bool { return c.call("Encrypt", object{"KeyId": w.rotated, "Plaintext": []byte("x")}).code == "" })
			w.haveAged(t, f)
		})
	}
}

// TestKilledOnceCommitted kills the service between the commit of a request and
// its answer: it has been done, with one record, and what the key encrypted before
// decrypts.
func TestKilledOnceCommitted(t *testing.T) {
	t.Parallel()
	template := newMaterialWorld(t)
	for name, r := range template.asks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := template.copied(t)
			request, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			f := w.fixture()
			before := f.recordsOf(t, r)
			w.dies(t, requestVar+"="+string(request))
			f.open(t)
			defer f.close(t)
			c, id := f.caller(owners), r.In["KeyId"].(string)
			if list := c.rotations(t, id, "ALL_KEY_MATERIAL"); c.keyState(id) != r.state || len(list) != r.count {
				t.Errorf("the key is %s with %v", c.keyState(id), list)
			}
			f.noOrphans(t)
			if r.again != nil {
				c.must(t, "ImportKeyMaterial", c.importing(t, id, r.again, nil))
			}
			for _, blob := range []string{r.blob, c.encrypt(t, id)} {
				if blob != "" {
					c.decrypts(t, blob)
				}
			}
			f.close(t)
			if n := f.recordsOf(t, r) - before; n != 1 {
				t.Errorf("the trail has it %d times", n)
			}
		})
	}
}

// recordsOf counts the records of a request's kind about its key.
func (f *fixture) recordsOf(t *testing.T, r *materialRequest) (n int) {
	t.Helper()
	for _, e := range f.records(t) {
		if keys, _ := e["resources"].([]any); e["eventName"] == r.Op && e["errorCode"] == nil && len(keys) > 0 && strings.HasSuffix(keys[0].(object)["ARN"].(string), r.In["KeyId"].(string)) {
			n++
		}
	}
	return n
}
