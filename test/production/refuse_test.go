package production

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/test/harness"
)

// TestServeRefuses: what a service must not start on, said so that an operator
// knows what to do; and it makes nothing in place of what is missing.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	remove := func(path string) func(*testing.T, *harness.Production) {
		return func(t *testing.T, p *harness.Production) {
			if err := os.RemoveAll(filepath.Join(p.Folder, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*testing.T, *harness.Production)
		want   string
	}{
		"no data folder": {remove("data"), `"trent init" makes it`},
		"no key file":    {remove("module/key"), "put back your copy of it; it is never made anew"},
		"no store":       {remove("data/store"), "the store has no record of its own"},
		"no certificate": {remove("server.pem"), "listeners[0].tls: open"},
		"another module's key file": {func(t *testing.T, p *harness.Production) {
			text := strings.Repeat("0", 64) + "\n"
			if err := os.WriteFile(filepath.Join(p.Folder, "module", "key"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "unseal the crypto module"},
		"a data folder that others see": {func(t *testing.T, p *harness.Production) {
			if err := os.Chmod(p.Data, 0o750); err != nil {
				t.Fatal(err)
			}
		}, "has mode 0750: others can see into it"},
		"a data folder of trent dev": {func(t *testing.T, p *harness.Production) {
			remove("data")(t, p)
			harness.StartIn(t, p.Data).Stop()
		}, "a data folder of trent dev serves dev only"},
		"another partition": {func(t *testing.T, p *harness.Production) {
			b, err := os.ReadFile(p.Config)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p.Config, append(b, "\npartition: aws-cn\n"...), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "a data folder's partition never changes: it is aws, and the configuration says aws-cn"},
		"a key that everybody can read": {func(t *testing.T, p *harness.Production) {
			if err := os.Chmod(filepath.Join(p.Folder, "server.key"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "everybody can read or change the private key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := harness.NewProduction(t, "").Init()
			c.change(t, p)
			before := len(files(t, p.Folder))
			out, code := p.Run("serve")
			if code != 1 || !strings.Contains(out, c.want) {
				t.Errorf("%d, %s", code, out)
			}
			if after := len(files(t, p.Folder)); name != "no store" && after != before { // SQLite's file, empty
				t.Errorf("%d files are %d", before, after)
			}
		})
	}
}

// TestPartition: what init was told is in every ARN, and stays.
func TestPartition(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "partition: aws-cn").Init()
	s := p.Serve()
	if _, arn := s.CreateKey(t, p.Who); !strings.HasPrefix(arn, "arn:aws-cn:kms:") {
		t.Errorf("%s", arn)
	}
	s.Stop()
	b, err := os.ReadFile(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.Config, []byte(strings.Replace(string(b), "partition: aws-cn", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := p.Run("serve"); code != 1 || !strings.Contains(out, "it is aws-cn, and the configuration says aws\n") {
		t.Errorf("%d, %s", code, out)
	}
}

// TestDevRefusesProduction: its credentials are known to everybody.
func TestDevRefusesProduction(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	out, code := harness.Run(t, "dev", "--listen", "127.0.0.1:0", "--data", p.Data, "--hsm-binary", harness.Program("trent-hsm"))
	if code != 1 || !strings.Contains(out, "one of production never dev") {
		t.Errorf("%d, %s", code, out)
	}
}

// TestRegions: those of the file are those of the data folder, or the service
// does not start; region add makes what is new, and keys stay where they are.
func TestRegions(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	s := p.Serve()
	key, _ := s.CreateKey(t, p.Who)
	elsewhere := p.Who
	elsewhere.Region = "us-east-1"
	if res := s.Do(t, harness.Request{Operation: "ListKeys", Who: elsewhere}); res.Status == 200 {
		t.Errorf("a Region that is not served: %s", res.Body)
	}
	if out, code := p.Run("region", "add"); code != 1 || !strings.Contains(out, "in use by another process") {
		t.Errorf("while it serves: %d, %s", code, out)
	}
	s.Stop()
	configured := func(regions string) {
		b, err := os.ReadFile(p.Config)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		lines[1] = "regions: [" + regions + "]"
		if err := os.WriteFile(p.Config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configured("us-east-1, eu-west-1")
	if out, code := p.Run("serve"); code != 1 || !strings.Contains(out, "has no us-east-1") || !strings.Contains(out, "trent region add") {
		t.Errorf("a new Region: %d, %s", code, out)
	}
	for range 2 { // the second time there is nothing to do
		if out, code := p.Run("region", "add"); code != 0 || !strings.Contains(out, "eu-west-1\nus-east-1\n") {
			t.Errorf("region add: %d, %s", code, out)
		}
	}
	line := regexp.MustCompile(`(?m)^(eu-west-1|us-east-1) 01[0-9a-f]{30} [A-Za-z0-9+/]{160}$`)
	var keys [2][]string
	for i := range keys { // made once, and the same for good
		out, code := p.Run("region", "replication-key")
		if keys[i] = line.FindAllString(out, -1); code != 0 || len(keys[i]) != 2 || !slices.Equal(keys[i], keys[0]) {
			t.Errorf("region replication-key: %d, %s", code, out)
		}
	}
	s.Restart()
	s.MustAs(t, p.Who, "DescribeKey", object{"KeyId": key})
	s.CreateKey(t, elsewhere)
	both := s.MustAs(t, p.Who, "CreateKey", object{"MultiRegion": true})["KeyMetadata"].(object)["KeyId"]
	s.MustAs(t, p.Who, "ReplicateKey", object{"KeyId": both, "ReplicaRegion": "us-east-1"})
	if !harness.Eventually(time.Minute, func() bool {
		return s.MustAs(t, elsewhere, "DescribeKey", object{"KeyId": both})["KeyMetadata"].(object)["KeyState"] == "Enabled"
	}) {
		t.Error("the replica does not come into being")
	}
	sealed := s.MustAs(t, p.Who, "Encrypt", object{"KeyId": both, "Plaintext": "YWNyb3Nz"})["CiphertextBlob"]
	if got := s.MustAs(t, elsewhere, "Decrypt", object{"CiphertextBlob": sealed})["Plaintext"]; got != "YWNyb3Nz" {
		t.Errorf("in us-east-1 it decrypts to %v", got)
	}
	s.Stop()
	configured("us-east-1")
	for _, command := range [][]string{{"serve"}, {"region", "add"}} {
		if out, code := p.Run(command...); code != 1 || !strings.Contains(out, "holds eu-west-1, which the configuration does not list") {
			t.Errorf("%q with a Region less: %d, %s", command, code, out)
		}
	}
}

// TestRegionAddIsNoInit: it makes no data folder, and finishes none.
func TestRegionAddIsNoInit(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "")
	for _, make := range []func() error{
		func() error { return nil },
		func() error { return os.Mkdir(p.Data, 0o700) },
		func() error { return os.WriteFile(filepath.Join(p.Data, "init-unfinished"), nil, 0o600) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		before := len(files(t, p.Folder))
		if out, code := p.Run("region", "add"); code != 1 || !strings.Contains(out, `"trent init"`) {
			t.Errorf("%d, %s", code, out)
		}
		if after := len(files(t, p.Folder)); after != before {
			t.Errorf("%d files are %d", before, after)
		}
	}
}

// TestCommandLine: exit statuses, and where mistakes are said to be.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "")
	text, err := os.ReadFile(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(p.Folder, "wrong.yaml")
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(text), "regions:", "region:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(p.Folder, "none.yaml")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"serve"}, 2, "--config is missing"},
		{[]string{"serve", "--config", none}, 1, "no such file"},
		{[]string{"serve", "--config", wrong}, 1, wrong + ":2: region: unknown key"},
		{[]string{"init", "--config", wrong}, 1, wrong + ":2: region: unknown key"},
		{[]string{"init", "--config", p.Config, "--account", "1234"}, 2, "want 12 digits"},
		{[]string{"init", "--config", p.Config, "--output", "xml"}, 2, "want table or json"},
		{[]string{"init", "--config", p.Config, "more"}, 2, "takes no argument"},
		{[]string{"region", "remove"}, 2, "unknown command"},
		{[]string{"region", "add"}, 2, "--config is missing"},
		{[]string{"config", "check"}, 2, "--config is missing"},
		{[]string{"config", "check", "--config", none}, 1, "no such file"},
		{[]string{"config", "check", "--config", wrong}, 1, wrong + ":2: region: unknown key"},
		{[]string{"config", "check", "--config", p.Config}, 0, p.Config + ": ok"},
		{[]string{"config", "check", "--config", p.Config}, 0, "warning: " + p.Config},
		{[]string{"config", "example"}, 0, "listeners:"},
		{[]string{"serve", "--help"}, 0, "trent serve: NAME=URL"},
		{[]string{"init", "--help"}, 0, "--credentials-file"},
	} {
		if out, code := harness.Run(t, c.args...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%q: %d, %s; want %d, %q", c.args, code, out, c.code, c.want)
		}
	}
}

// TestConfigCheckJSON: scripts read what is wrong, and where.
func TestConfigCheckJSON(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "audit: {durability: nowait}")
	type problem struct {
		File, Path, Problem, Hint string
		Line                      int
	}
	var got struct {
		OK               *bool
		Errors, Warnings []problem
	}
	cmd := p.Command("config", "check", "--config", p.Config, "--output", "json")
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ends with %v", err)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := problem{File: p.Config, Path: "audit.durability", Problem: `"nowait": want strict or relaxed`, Hint: "nowait is for trent dev only", Line: 10}
	if got.OK == nil || *got.OK || len(got.Errors) != 1 || got.Errors[0] != want || got.Warnings == nil {
		t.Errorf("%s", out)
	}
	p = harness.NewProduction(t, "")
	out, err = p.Command("config", "check", "--config", p.Config, "--output", "json").Output()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if err := json.Unmarshal(out, &got); err != nil || !*got.OK || len(got.Errors) != 0 || len(got.Warnings) != 1 || got.Warnings[0].Path != "unseal.same_user" {
		t.Errorf("%v: %s", err, out)
	}
}
