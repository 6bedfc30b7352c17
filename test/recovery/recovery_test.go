package recovery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trent/test/harness"
)

type object = map[string]any

// secret is a ciphertext with what it holds.
type secret struct{ key, blob string }

func newSecret(t *testing.T, s *harness.Server) secret {
	t.Helper()
	id, _ := s.CreateKey(t, harness.Default)
	return secret{id, s.Must(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte(id)})["CiphertextBlob"].(string)}
}

func opens(t *testing.T, s *harness.Server, all []secret) {
	t.Helper()
	for _, x := range all {
		got := s.Must(t, "Decrypt", object{"CiphertextBlob": x.blob})["Plaintext"]
		if got != base64.StdEncoding.EncodeToString([]byte(x.key)) {
			t.Errorf("%s decrypts to %v", x.key, got)
		}
	}
}

// run runs trent, which has to succeed.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, code := harness.Run(t, args...)
	if code != 0 {
		t.Fatalf("trent %v: code %d\n%s", args, code, out)
	}
	return out
}

// refuses runs trent, which has to fail and say that.
func refuses(t *testing.T, words string, args ...string) {
	t.Helper()
	if out, code := harness.Run(t, args...); code != 1 || !strings.Contains(out, words) {
		t.Errorf("trent %v: code %d, want 1 and %q\n%s", args, code, words, out)
	}
}

// restore is the command that restores a backup of a server into a folder.
func restore(s *harness.Server, data, file string) []string {
	return []string{"restore", "--dev", "--data", data, "--key-file", filepath.Join(s.Data, "module", "key"), "--hsm-binary", harness.Program("trent-hsm"), file}
}

// backupInfo is the output of backup and of backup verify, as far as it matters
// here.
type backupInfo struct {
	Revision int64
	StoreID  string
	Audit    struct {
		Node     string
		Sequence uint64
		Hash     string
	}
}

func backup(t *testing.T, s *harness.Server) (file string, info backupInfo) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "trent.backup")
	if err := json.Unmarshal([]byte(run(t, "backup", "--data", s.Data, "--out", file, "--output", "json")), &info); err != nil {
		t.Fatal(err)
	}
	return file, info
}

// TestBackupWhileClientsWrite: of what was acknowledged before a backup began,
// everything is in the copy; the original and the copy both serve, each with a
// trail of its own that verifies.
func TestBackupWhileClientsWrite(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "strict", "--domain-rotation", "1s")
	var mu sync.Mutex
	var answered []secret
	var clients sync.WaitGroup
	stop, enough := make(chan struct{}), make(chan struct{})
	for range 8 {
		clients.Go(func() {
			for {
				x := newSecret(t, s)
				mu.Lock()
				if answered = append(answered, x); len(answered) == harness.Rounds(60, 2000) {
					close(enough)
				}
				mu.Unlock()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	<-enough
	mu.Lock()
	before := answered
	mu.Unlock()
	file, info := backup(t, s)
	close(stop)
	clients.Wait()

	var verified backupInfo
	if err := json.Unmarshal([]byte(run(t, "backup", "verify", file, "-o", "json")), &verified); err != nil || verified != info {
		t.Errorf("verified %v, made %v, %v", verified, info, err)
	}
	if stat, err := os.Stat(file); err != nil || stat.Mode() != 0o600 {
		t.Errorf("%v, %v", stat, err)
	}
	data := filepath.Join(t.TempDir(), "copy")
	run(t, restore(s, data, file)...)
	copied := harness.StartIn(t, data, "--audit", "strict")
	opens(t, copied, before)
	opens(t, s, before)
	opens(t, copied, []secret{newSecret(t, copied)})
	opens(t, s, []secret{newSecret(t, s)})

	if code := s.Stop() | copied.Stop(); code != 0 {
		t.Errorf("exit codes %d", code)
	}
	trails(t, s.Data, data, info)
}

// trails checks the trail of the original and that of the copy.
func trails(t *testing.T, original, data string, info backupInfo) {
	t.Helper()
	old, err := harness.ReadAudit(original)
	if err != nil {
		t.Fatal(err)
	}
	if hash := fmt.Sprintf("%x", harness.Numbered(old, info.Audit.Sequence).Hash); hash != info.Audit.Hash {
		t.Errorf("record %d has the hash %s, and the backup's head %s", info.Audit.Sequence, hash, info.Audit.Hash)
	}
	records, err := harness.ReadAudit(data)
	if err != nil {
		t.Fatal(err)
	}
	first := &records[0]
	if first.Text("eventName") != "RestoreBackup" || first.Text("requestParameters", "auditHash") != info.Audit.Hash ||
		first.Text("requestParameters", "auditNode") != info.Audit.Node || first.Text("requestParameters", "storeId") != info.StoreID {
		t.Errorf("the copy's trail begins with %s", first.JSON)
	}
	if paths, err := filepath.Glob(filepath.Join(data, "audit", "*")); err != nil || len(paths) != 1 || filepath.Base(paths[0]) == info.Audit.Node {
		t.Errorf("the copy's trail is of %v, %v", paths, err)
	}
}

// TestRestoreRefuses: what is no whole backup, what is there already, and a key
// file that is not the one. Nothing is left of any of them.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	x := newSecret(t, s)
	file, _ := backup(t, s)
	refuses(t, "overwrites nothing", "backup", "--data", s.Data, "--out", file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	data := filepath.Join(home, "data")
	for name, b := range map[string][]byte{
		"cut":     whole[:len(whole)-1],
		"empty":   {},
		"changed": bytes.Replace(whole, []byte("eu-west-1"), []byte("eu-west-2"), 1),
		"longer":  append(bytes.Clone(whole), whole...),
	} {
		damaged := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(damaged, b, 0o600); err != nil {
			t.Fatal(err)
		}
		refuses(t, "not a valid backup", "backup", "verify", damaged)
		refuses(t, "not a valid backup", restore(s, data, damaged)...)
	}
	refuses(t, "overwrites nothing", restore(s, s.Data, file)...)
	other := harness.Start(t)
	refuses(t, "its key file is another one", restore(other, data, file)...)
	if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	opens(t, s, []secret{x}) // and its folder is as it was

	run(t, restore(s, data, file)...)
	opens(t, harness.StartIn(t, data), []secret{x})
}

// TestStandardStreams: a backup through pipes.
func TestStandardStreams(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	x := newSecret(t, s)
	data := filepath.Join(t.TempDir(), "data")
	backup := exec.CommandContext(t.Context(), harness.Program("trent"), "backup", "--data", s.Data, "--out", "-")
	restore := exec.CommandContext(t.Context(), harness.Program("trent"), restore(s, data, "-")...)
	var err error
	if restore.Stdin, err = backup.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := backup.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := restore.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if err := backup.Wait(); err != nil {
		t.Error(err)
	}
	opens(t, harness.StartIn(t, data), []secret{x})
}

// TestKilledRestore: a restore is killed at many places: with a part of the
// backup read, and while it waits for the crypto module. No server opens what is
// left, and the next restore says what to do.
func TestKilledRestore(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	x := newSecret(t, s)
	file, _ := backup(t, s)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	gone := func() {
		t.Helper()
		refuses(t, "one was cut off", "dev", "--listen", "127.0.0.1:0", "--data", data, "--hsm-binary", harness.Program("trent-hsm"))
		refuses(t, "one was cut off", restore(s, data, file)...)
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []int{1, len(whole) / 3, len(whole) - 33, len(whole) - 1} {
		killedAfter(t, s, data, whole[:part])
		gone()
	}
	killedUnsealing(t, s, data, file)
	gone()
	run(t, restore(s, data, file)...)
	opens(t, harness.StartIn(t, data), []secret{x})
}

// killedAfter kills a restore that has read a part of its backup, from a pipe,
// and waits for more.
func killedAfter(t *testing.T, s *harness.Server, data string, part []byte) {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := start(t, restore(s, data, pipe)...)
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for the reader
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(part); err != nil {
		t.Fatal(err)
	}
	if !harness.Eventually(time.Minute, func() bool { return unread(w) == 0 && exists(data) }) {
		t.Fatal("the restore does not read its backup")
	}
	kill(cmd)
}

// killedUnsealing kills a restore whose crypto module says that it has begun
// and nothing else.
func killedUnsealing(t *testing.T, s *harness.Server, data, file string) {
	t.Helper()
	begun := filepath.Join(t.TempDir(), "begun")
	module := filepath.Join(t.TempDir(), "module")
	if err := os.WriteFile(module, []byte("#!/bin/sh\n: > "+begun+"\nexec cat <&3 >/dev/null\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	args := restore(s, data, file)
	args[len(args)-2] = module
	cmd := start(t, args...)
	if !harness.Eventually(time.Minute, func() bool { return exists(begun) }) {
		t.Fatal("the module is not started")
	}
	if !exists(filepath.Join(data, "store", "trent.db")) {
		t.Error("the module is started before the store is there")
	}
	kill(cmd)
}

func start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Program("trent"), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
