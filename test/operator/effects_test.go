package operator

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"trent/test/harness"
)

// TestAccounts: a new root key signs with the AWS SDK at once; the one before,
// and those of a disabled account, do not from the next request on.
func TestAccounts(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	account := text(ask(t, s, "account", "create", "--name", "payments"), "id")
	newKey := func(flags ...string) harness.Who {
		k := ask(t, s, append([]string{"account", "new-root-key", account}, flags...)...)
		return harness.Who{AccessKey: text(k, "accessKeyId"), SecretKey: text(k, "secretAccessKey"), Region: "eu-central-1"}
	}
	refused := func(who harness.Who) bool {
		_, err := s.Client(who).ListKeys(t.Context(), &kms.ListKeysInput{})
		if err != nil && !strings.Contains(err.Error(), "UnrecognizedClientException") {
			t.Fatal(err)
		}
		return err != nil
	}
	first := newKey()
	key, err := s.Client(first).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if want := "arn:aws:kms:eu-central-1:" + account + ":key/"; !strings.HasPrefix(*key.KeyMetadata.Arn, want) {
		t.Errorf("%s", *key.KeyMetadata.Arn)
	}
	second := newKey("--keep-earlier")
	if refused(first) || refused(second) {
		t.Error("--keep-earlier does not keep both")
	}
	third := newKey()
	if !refused(first) || !refused(second) || refused(third) {
		t.Error("the earlier ones still authenticate, or the new one does not")
	}
	for range 3 {
		ask(t, s, "account", "disable", account)
		if !refused(third) {
			t.Error("a disabled account's key authenticates")
		}
		s.Must(t, "ListKeys", object{})
		ask(t, s, "account", "enable", account)
		if refused(third) {
			t.Error("an enabled account's key does not authenticate")
		}
	}
	ask(t, s, "account", "disable", account)
	s.Kill()
	s.Restart()
	if !refused(third) {
		t.Error("after a crash a disabled account's key authenticates")
	}
	ask(t, s, "account", "enable", account)
	ask(t, s, "account", "deactivate-root-key", account, third.AccessKey)
	if !refused(third) {
		t.Error("a deactivated key authenticates")
	}
}

// TestAdministrationIsInTheTrail: who did what, and no secret.
func TestAdministrationIsInTheTrail(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	account := text(ask(t, s, "account", "create", "--name", "payments"), "id")
	k := ask(t, s, "account", "new-root-key", account)
	ask(t, s, "account", "disable", account)
	ask(t, s, "account", "enable", account)
	ask(t, s, "account", "deactivate-root-key", account, text(k, "accessKeyId"))
	ask(t, s, "hsm", "restart")
	ask(t, s, "key", "list")
	s.Stop()
	records, err := harness.ReadAudit(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	secret := text(k, "secretAccessKey")
	if len(secret) != 40 {
		t.Fatalf("the secret has %d characters", len(secret))
	}
	nowhere(t, s, secret)
	var got []string
	for _, r := range records {
		if r.Text("eventSource") != "trent" || r.Text("eventType") == "AwsServiceEvent" {
			continue
		}
		got = append(got, r.Text("eventName"))
		if r.Text("userIdentity", "principalId") != "uid:"+self.Uid || r.Text("userIdentity", "userName") != self.Username ||
			r.Text("userIdentity", "type") != "Operator" || r.Text("additionalEventData", "listenerId") != "admin" {
			t.Errorf("%s", r.JSON)
		}
		if name := r.Text("eventName"); name != "RestartModule" && name != "ListKeys" && r.Text("recipientAccountId") != account {
			t.Errorf("%s", r.JSON)
		}
	}
	// Rows of the outbox of one moment have no order.
	slices.Sort(got)
	want := []string{"CreateAccessKey", "CreateAccount", "DisableAccount", "EnableAccount", "ListKeys", "RestartModule", "UpdateAccessKey"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// nowhere looks for a secret, in several encodings, in what the server wrote.
func nowhere(t *testing.T, s *harness.Server, secret string) {
	t.Helper()
	written := map[string][]byte{"its output": s.Output()}
	err := filepath.WalkDir(s.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		written[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(written) < 4 {
		t.Errorf("%d files only", len(written))
	}
	for name, b := range written {
		for _, form := range []string{
			secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)), strings.ReplaceAll(secret, "/", `\/`),
		} {
			if bytes.Contains(b, []byte(form)) {
				t.Errorf("the secret is in %s, as %q", name, form)
			}
		}
	}
}

// TestModuleIsRestarted: by the service, which counts, and by an operator, which
// is forgotten.
func TestModuleIsRestarted(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	key, _ := s.CreateKey(t, harness.Default)
	ready := func(restarts int) func() bool {
		return func() bool {
			m := ask(t, s, "hsm", "status")
			return text(m, "state") == "ready" && number(m, "restarts") == restarts
		}
	}
	for n := range 2 {
		if err := syscall.Kill(s.Module(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if !harness.Eventually(wait, ready(n+1)) {
			t.Fatalf("after %d kills: %v", n+1, ask(t, s, "hsm", "status"))
		}
	}
	before := s.Module()
	m := ask(t, s, "hsm", "restart")
	if text(m, "state") != "ready" || number(m, "restarts") != 0 || number(m, "pid") == before || number(m, "pid") != s.Module() {
		t.Errorf("%v, before %d, now %d", m, before, s.Module())
	}
	s.Must(t, "DescribeKey", object{"KeyId": key})
	s.Must(t, "Encrypt", object{"KeyId": key, "Plaintext": "eA=="})
}

// TestModuleAtASocket: it is somebody else's process, and the service says how to
// restart it.
func TestModuleAtASocket(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--hsm", harness.StartModule(t))
	m := ask(t, s, "hsm", "status")
	if text(m, "source") != "socket" || text(m, "state") != "ready" || m["sameUser"] != nil {
		t.Errorf("%v", m)
	}
	if _, stderr, code := run(t, "hsm", "restart", "--socket", socket(s)); code != exitRefused || !strings.Contains(stderr, "systemctl restart trent-hsm") {
		t.Errorf("%d, %s", code, stderr)
	}
	s.Must(t, "GenerateRandom", object{"NumberOfBytes": 16})
}

// TestProductionStatus: what the configuration says is what the status says.
func TestProductionStatus(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init("--account", "111122223333")
	s := p.Serve()
	status := func() string {
		out, code := p.Run("status")
		if code != exitOK {
			t.Fatalf("%d, %s", code, out)
		}
		return out
	}
	for _, want := range []string{"mode", "production", "strict", "same user", "TLS", "child of the service", fmt.Sprint(s.PID())} {
		if out := status(); !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if out, code := p.Run("account", "show", "111122223333"); code != exitOK || !strings.Contains(out, p.Who.AccessKey) {
		t.Errorf("the account of init: %d, %s", code, out)
	}
	if _, err := os.Stat(p.Data); err != nil {
		t.Fatal(err)
	}
}
