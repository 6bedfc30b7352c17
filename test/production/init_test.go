package production

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/test/harness"
)

// files is what stands in a folder: names, modes, contents.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		found[path] = info.Mode().String() + string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestInit: what it makes is for its user only, is shown once, and stands
// nowhere in the clear; a second init fails and changes nothing.
func TestInit(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	if len(p.Account) != 12 || p.Account[0] == '0' || len(p.Who.AccessKey) != 20 || !strings.HasPrefix(p.Who.AccessKey, "AKIA") || len(p.Who.SecretKey) != 40 {
		t.Errorf("account %q, access key %q, a secret of %d characters", p.Account, p.Who.AccessKey, len(p.Who.SecretKey))
	}
	for path, mode := range map[string]fs.FileMode{"data": fs.ModeDir | 0o700, "module": fs.ModeDir | 0o700, "module/key": 0o600} {
		if info, err := os.Stat(filepath.Join(p.Folder, path)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	before := files(t, p.Folder)
	for path, text := range before {
		if strings.Contains(text, p.Who.SecretKey) {
			t.Errorf("%s holds the secret access key", path)
		}
	}
	for _, args := range [][]string{{"init"}, {"init", "--account", "111122223333"}, {"init", "--credentials-file", filepath.Join(p.Folder, "credentials")}} {
		out, code := p.Run(args...)
		if code != 1 || !strings.Contains(out, "overwrites nothing") {
			t.Errorf("%q: %d, %s", args, code, out)
		}
	}
	after := files(t, p.Folder)
	for path := range after {
		if before[path] != after[path] {
			t.Errorf("a second init changes %s", path)
		}
	}
	if len(before) != len(after) {
		t.Errorf("%d files are %d", len(before), len(after))
	}
	s := p.Serve()
	s.CreateKey(t, p.Who)
}

// TestInitRefuses: what is there already, it leaves alone, and makes nothing
// beside it.
func TestInitRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, want string }{
		"a data folder with something in it": {"data/notes", "data: something is there already"},
		"a key file":                         {"module/key", "module/key: something is there already"},
		"a credentials file":                 {"credentials", "credentials: something is there already"},
	} {
		p := harness.NewProduction(t, "")
		path := filepath.Join(p.Folder, c.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := files(t, p.Folder)
		out, code := p.Run("init", "--credentials-file", filepath.Join(p.Folder, "credentials"))
		if code != 1 || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d, %s", name, code, out)
		}
		if after := files(t, p.Folder); len(after) != len(before) || after[path] != before[path] {
			t.Errorf("%s: %d files are %d", name, len(before), len(after))
		}
	}
}

// TestInitWritesCredentials: to a new file for its owner, and then it does not
// show them.
func TestInitWritesCredentials(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "")
	path := filepath.Join(p.Folder, "credentials")
	out, code := p.Run("init", "--credentials-file", path)
	b, err := os.ReadFile(path)
	if code != 0 || err != nil {
		t.Fatalf("%d: %s: %v", code, out, err)
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 4 || lines[0] != "[default]" || lines[3] != "" {
		t.Fatalf("the file has %d lines, the first is %q", len(lines), lines[0])
	}
	id, _ := strings.CutPrefix(lines[1], "aws_access_key_id = ")
	secret, ok := strings.CutPrefix(lines[2], "aws_secret_access_key = ")
	if len(id) != 20 || len(secret) != 40 || !ok || strings.Contains(out, secret) || !strings.Contains(out, id) {
		t.Errorf("an id of %d and a secret of %d characters; init shows the secret: %v", len(id), len(secret), strings.Contains(out, secret))
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	p.Who = harness.Who{AccessKey: id, SecretKey: secret, Region: harness.Region}
	p.Serve().CreateKey(t, p.Who)
}

// TestInitCutOff kills init when it says its first word, its second and so on:
// before it is finished nothing serves what it left, and one more init with the
// same configuration finishes it, with one access key that works.
func TestInitCutOff(t *testing.T) {
	t.Parallel()
	for lines := 0; ; lines++ {
		if lines == 50 {
			t.Fatal("init says more than 50 lines")
		}
		p := harness.NewProduction(t, "")
		shown, ended := initUntil(t, p, lines)
		_, err := os.Stat(filepath.Join(p.Data, "init-unfinished"))
		if begun, _ := os.ReadDir(p.Data); err != nil && len(begun) > 0 {
			p.Keep([]byte(shown)) // it was killed too late, or not at all
		} else {
			if out, code := p.Run("serve"); code != 1 || !strings.Contains(out, `"trent init"`) {
				t.Errorf("after %d lines, serve: %d, %s", lines, code, out)
			}
			p.Init()
			if strings.Contains(shown, p.Who.AccessKey) {
				t.Errorf("after %d lines: the access key that was cut off came back", lines)
			}
		}
		s := p.Serve()
		s.CreateKey(t, p.Who)
		if lost, ok := strings.CutPrefix(shown, "{"); ok && !strings.Contains(lost, p.Who.AccessKey) {
			now := p.Who
			p.Keep([]byte(shown))
			if res := s.Do(t, harness.Request{Operation: "ListKeys", Who: p.Who}); res.Type != "UnrecognizedClientException" {
				t.Errorf("the access key of the init that was cut off, beside %s: %d", now.AccessKey, res.Status)
			}
		}
		if out, code := p.Run("init"); code != 1 || !strings.Contains(out, "overwrites nothing") {
			t.Errorf("after %d lines, a third init: %d, %s", lines, code, out)
		}
		s.Stop()
		if ended {
			if lines < 5 {
				t.Errorf("init says %d lines only: it was killed in few places", lines)
			}
			return
		}
	}
}

// initUntil runs trent init, kills it after it has written some lines, and
// returns the one that has the access key, if it came to that. ended says that
// it had no more lines to write.
func initUntil(t *testing.T, p *harness.Production, lines int) (shown string, ended bool) {
	t.Helper()
	cmd := p.Command("init", "--config", p.Config, "--output", "json")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	said := bufio.NewScanner(out)
	for n := 0; ; n++ {
		if n == lines {
			_ = cmd.Process.Kill() // it may have ended just now
		}
		if !said.Scan() {
			ended = n < lines
			break
		}
		if strings.HasPrefix(said.Text(), "{") {
			shown = said.Text()
		}
	}
	_ = cmd.Wait() // killed, as a rule
	return shown, ended
}

// TestInitCannotShow: an init that could not hand over the access key is not
// finished. The next one keeps the account and makes another key.
func TestInitCannotShow(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	cmd := p.Command("init", "--config", p.Config, "--account", "111122223333")
	cmd.Stdout = full
	if err := cmd.Run(); err == nil {
		t.Fatal("init succeeds, and has shown nothing")
	}
	if out, code := p.Run("serve"); code != 1 || !strings.Contains(out, `"trent init"`) {
		t.Errorf("serve: %d, %s", code, out)
	}
	if out, code := p.Run("init", "--account", "444455556666"); code != 1 || !strings.Contains(out, "had made another account: 111122223333") {
		t.Errorf("with another account: %d, %s", code, out)
	}
	credentials := filepath.Join(p.Folder, "credentials")
	if err := os.WriteFile(credentials, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := p.Run("init", "--credentials-file", credentials); code != 1 || !strings.Contains(out, "if the file is its, remove it") {
		t.Errorf("with a credentials file that is there: %d, %s", code, out)
	}
	p.Init()
	if p.Account != "111122223333" {
		t.Errorf("the account is %s", p.Account)
	}
	s := p.Serve()
	s.CreateKey(t, p.Who)
	s.Stop()
	records, err := harness.ReadAudit(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]int{}
	for _, r := range records {
		events[r.Text("eventName")]++
	}
	if events["CreateAccount"] != 1 || events["CreateAccessKey"] != 2 {
		t.Errorf("the audit trail has %v", events)
	}
}
