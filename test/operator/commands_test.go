package operator

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trent/test/harness"
)

// TestEveryCommand: what each command shows to people, and how it ends.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	key, arn := s.CreateKey(t, harness.Default)
	s.Must(t, "CreateAlias", object{"AliasName": "alias/payroll", "TargetKeyId": key})
	s.Must(t, "TagResource", object{"KeyId": key, "Tags": []object{{"TagKey": "cost", "TagValue": "a\tb\x1b[31m"}}})
	gone, _ := s.CreateKey(t, harness.Default)
	s.Must(t, "ScheduleKeyDeletion", object{"KeyId": gone})
	for _, test := range []struct {
		command string
		code    int
		want    []string // on standard output, or on standard error if the code is not 0
	}{
		{"status", exitOK, []string{"state          ready", "mode", "dev", "audit head", "module state", "eu-west-1  2     1"}},
		{"status extra", exitUsage, []string{"takes no argument"}},
		{"status --output yaml", exitUsage, []string{"want table or json"}},
		{"status --nope", exitUsage, []string{"unknown flag", "trent status --help"}},
		{"account", exitOK, []string{"new-root-key", "Usage:"}},
		{"account crate", exitUsage, []string{"did you mean create?"}},
		{"account create --id 111122223333 --name payments", exitOK, []string{"account  111122223333", "payments"}},
		{"account create --id 111122223333", exitRefused, []string{"exists already"}},
		{"account create --id 1", exitUsage, []string{"12 digits"}},
		{"account list", exitOK, []string{"ACCOUNT", "000000000000", "111122223333", "payments"}},
		{"account list --limit 1", exitOK, []string{"000000000000", "There are more: --after 000000000000"}},
		{"account list --limit -1", exitUsage, []string{"not negative"}},
		{"account list --after 000000000000", exitOK, []string{"111122223333"}},
		{"account new-root-key 111122223333", exitOK, []string{"AKIA", "secret access key", "not shown again"}},
		{"account new-root-key 111122223333", exitOK, []string{"AKIA", "deactivated"}},
		{"account new-root-key 111122223333 --keep-earlier", exitOK, []string{"AKIA"}},
		{"account new-root-key 111122223333 --keep-earlier", exitRefused, []string{"two active root access keys"}},
		{"account new-root-key 999999999999", exitRefused, []string{"no such account"}},
		{"account new-root-key", exitUsage, []string{"want one account id"}},
		{"account show 111122223333", exitOK, []string{"Active", "Inactive"}},
		{"account show ../../status", exitUsage, []string{"12 digits"}},
		{"account deactivate-root-key 111122223333 AKIAIOSFODNN7EXAMPLE", exitRefused, []string{"no such access key"}},
		{"account deactivate-root-key 111122223333", exitUsage, []string{"want an account id and an access key id"}},
		{"account disable 111122223333", exitOK, []string{"state    disabled"}},
		{"account disable 999999999999", exitRefused, []string{"no such account"}},
		{"account enable 111122223333", exitOK, []string{"state    enabled"}},
		{"key list", exitOK, []string{"REGION", key, gone, "PendingDeletion"}},
		{"key list --region eu-west-1 --account 000000000000 --state PendingDeletion", exitOK, []string{gone}},
		{"key list --region nowhere-1", exitRefused, []string{"does not hold"}},
		{"key list --state gone", exitRefused, []string{"want one of"}},
		{"key list --account x", exitRefused, []string{"12 digits"}},
		{"key show " + key, exitOK, []string{arn, "alias/payroll", "cost = a\uFFFDb\uFFFD[31m", "MATERIAL", `"Version"`}},
		{"key show alias/payroll", exitOK, []string{arn}},
		{"key show " + arn, exitOK, []string{arn}},
		{"key usage " + key, exitOK, []string{"PRINCIPAL", "USES"}},
		{"key usage --by tag:cost", exitOK, []string{"TAG:COST"}},
		{"key usage --by tag:", exitUsage, []string{"tag:NAME"}},
		{"key usage alias/none", exitRefused, []string{"no such key"}},
		{"key materials " + key, exitOK, []string{"MATERIAL", "DECRYPTS"}},
		{"key materials", exitUsage, []string{"want one key id"}},
		{"key brownout " + key, exitUsage, []string{"--percent 1 to 100"}},
		{"key brownout --percent 5 --off " + key, exitUsage, []string{"--percent 1 to 100"}},
		{"key brownout --percent 101 " + key, exitUsage, []string{"--percent 1 to 100"}},
		{"key brownout --percent 5 --for 10m " + key, exitOK, []string{arn, "brown-out", "5 % of its uses"}},
		{"key brownout --off " + key, exitOK, []string{arn, "last use"}},
		{"key delete --days 3 " + key, exitUsage, []string{"want 7 to 30"}},
		{"key show alias/none", exitRefused, []string{"no such key"}},
		{"key show x", exitRefused, []string{"no key id"}},
		{"key show", exitUsage, []string{"want one key id"}},
		{"hsm status", exitOK, []string{"module state", "ready", "0 in ten minutes, of at most 5", "on, module"}},
		{"hsm restart", exitOK, []string{"module state", "ready"}},
	} {
		args := append(strings.Fields(test.command), "--socket", socket(s))
		if test.command == "account" || test.command == "account crate" { // which ask no server
			args = args[:len(args)-2]
		}
		stdout, stderr, code := run(t, args...)
		shown := stdout
		if test.code != exitOK {
			shown = stderr
			if stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "trent: ") {
				t.Errorf("%s: %q and %q; want one line of error", test.command, stdout, stderr)
			}
		}
		if code != test.code {
			t.Errorf("%s: %d, want %d: %s", test.command, code, test.code, stderr)
		}
		for _, want := range test.want {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %q is not in\n%s", test.command, want, shown)
			}
		}
		if strings.Contains(shown, "\x1b") {
			t.Errorf("%s: a terminal would obey\n%q", test.command, shown)
		}
	}
}

// TestWhichServer: --socket, --data, --config and the environment name one.
func TestWhichServer(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	other := harness.Start(t)
	none := t.TempDir()
	for _, test := range []struct {
		args, environment []string
		want              string // the data folder, "" for no server
	}{
		{[]string{"--socket", socket(s)}, nil, s.Data},
		{[]string{"--data", s.Data}, nil, s.Data},
		{nil, []string{"TRENT_ADMIN_SOCKET=" + socket(s)}, s.Data},
		{[]string{"--data", other.Data}, []string{"TRENT_ADMIN_SOCKET=" + socket(s)}, other.Data},
		{[]string{"--socket", socket(other)}, []string{"TRENT_ADMIN_SOCKET=" + socket(s)}, other.Data},
		{[]string{"--socket", socket(other), "--data", s.Data}, nil, other.Data},
		{nil, nil, ""},
		{[]string{"--data", none}, nil, ""},
		{[]string{"--data", filepath.Join(none, "none")}, nil, ""},
		{[]string{"--data", filepath.Join(none, strings.Repeat("n", 200))}, nil, ""},
	} {
		cmd := exec.CommandContext(t.Context(), harness.Program("trent"), append([]string{"status"}, test.args...)...)
		cmd.Env, cmd.Dir = append(os.Environ(), test.environment...), none
		out, _ := cmd.CombinedOutput()
		code := cmd.ProcessState.ExitCode()
		if test.want == "" {
			if code != exitNoServer || !strings.Contains(string(out), "no server is reachable") || !strings.Contains(string(out), "--socket") {
				t.Errorf("%q: %d, %s", test.args, code, out)
			}
		} else if code != exitOK || !strings.Contains(string(out), test.want+"\n") {
			t.Errorf("%q: %d, %s", test.args, code, out)
		}
	}
	if _, stderr, code := run(t, "status", "--data", s.Data, "--config", "x"); code != exitUsage || !strings.Contains(stderr, "two servers") {
		t.Errorf("two servers: %d, %s", code, stderr)
	}
}

// TestOtherUsers: who may not open the socket is told so, and so is who may
// open it and is nobody that the server knows.
func TestOtherUsers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become other users")
	}
	const listed, other = 4721, 4722
	p := harness.NewFolder(t)
	if err := os.Chmod(p.Folder, 0o755); err != nil {
		t.Fatal(err)
	}
	p.Programs()
	run := filepath.Join(p.Folder, "run")
	if err := os.Mkdir(run, 0o755); err != nil {
		t.Fatal(err)
	}
	p.Write(fmt.Sprintf("module: {child: {key_file: vault/key, program: bin/trent-hsm}}\nunseal: {same_user: true}\nadmin: {socket: run/admin.sock, users: [%d]}\n", listed))
	p.Init()
	p.Serve()
	for uid, want := range map[uint32]int{listed: exitOK, other: exitRefused} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(p.Folder, "bin", "trent"), "status", "--socket", filepath.Join(run, "admin.sock"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != want || want != exitOK && !strings.Contains(string(out), "not let in") {
			t.Errorf("user %d: %d, %s", uid, code, out)
		}
	}
	s := harness.Start(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.Folder, "bin", "trent"), "status", "--socket", socket(s))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: other, Gid: other}}
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitRefused || !strings.Contains(string(out), "may not open") {
		t.Errorf("a socket that only its owner may open: %d, %s", code, out)
	}
}

// TestProfiles: they are on the admin socket, and nowhere else.
func TestProfiles(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	const path = "/debug/pprof/goroutine?debug=1"
	admin := harness.Server{URL: "http+unix:" + socket(s)}
	client := http.Client{Transport: admin.Transport(), Timeout: wait}
	res, err := client.Get("http://trent" + path)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("on the admin socket: %v, %v", res, err)
	}
	client.Transport = s.Transport()
	if res, err = client.Get(s.URL + path); err != nil || res.StatusCode == http.StatusOK {
		t.Errorf("on the listener of requests: %v, %v", res, err)
	}
	if _, stderr, code := run(t, "dev", "--pprof", "127.0.0.1:0"); code != exitUsage {
		t.Errorf("trent dev --pprof: %d, %s", code, stderr)
	}
}

// TestSocketAfterACrash: the socket that a killed server left is replaced; that
// of a running one is not.
func TestSocketAfterACrash(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	s.Kill()
	if _, err := os.Lstat(socket(s)); err != nil {
		t.Fatalf("a killed server leaves no socket, so this shows nothing: %v", err)
	}
	if _, stderr, code := run(t, "status", "--data", s.Data); code != exitNoServer || !strings.Contains(stderr, "nobody listens") {
		t.Errorf("%d, %s", code, stderr)
	}
	s.Restart()
	if pid := number(ask(t, s, "status"), "pid"); pid != s.PID() {
		t.Errorf("process %d, want %d", pid, s.PID())
	}
	out, code := harness.Run(t, "dev", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--admin-socket", socket(s))
	if code != exitFailure || !strings.Contains(out, "another server listens") {
		t.Errorf("a second server: %d, %s", code, out)
	}
	if pid := number(ask(t, s, "status"), "pid"); pid != s.PID() {
		t.Errorf("after that, process %d, want %d", pid, s.PID())
	}
	if code := s.Stop(); code != 0 {
		t.Errorf("stopped with %d", code)
	}
	if _, err := os.Lstat(socket(s)); !os.IsNotExist(err) {
		t.Errorf("a stopped server leaves its socket: %v", err)
	}
}

// TestCompletion: the scripts are the shells', and ask the server for names.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, _, code := run(t, "completion", shell)
		if code != exitOK || !strings.Contains(script, "__complete") {
			t.Errorf("%s: %d, %.200s", shell, code, script)
		}
		if program, err := exec.LookPath(shell); err == nil {
			cmd := exec.CommandContext(t.Context(), program, "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v, %s", shell, err, out)
			}
		}
	}
	s := harness.Start(t)
	key, _ := s.CreateKey(t, harness.Default)
	s.Must(t, "UpdateKeyDescription", object{"KeyId": key, "Description": "a\x1b]0;b\u202e"})
	made := text(ask(t, s, "account", "new-root-key", harness.Account), "accessKeyId")
	for line, want := range map[string]string{
		"account disable": harness.Account,
		"account deactivate-root-key " + harness.Account: made,
		"key show":           key,
		"key list --region":  harness.Region,
		"key list --account": harness.Account,
		"status --output":    "json",
		"hs":                 "hsm",
	} {
		args := append([]string{"__complete"}, strings.Fields(line)...)
		if line != "hs" {
			args = append(args, "")
		}
		cmd := exec.CommandContext(t.Context(), harness.Program("trent"), args...)
		cmd.Env = append(os.Environ(), "TRENT_ADMIN_SOCKET="+socket(s))
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), want) || strings.ContainsAny(string(out), "\x1b\u202e") {
			t.Errorf("%q: %v, %q", line, err, out)
		}
	}
}
