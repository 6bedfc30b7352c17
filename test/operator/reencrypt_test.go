package operator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"trent/test/harness"
)

// TestReencrypt: blobs of two materials, of which two are bad; killed in the midst and
// run again, each good one is of the current material.
func TestReencrypt(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	key, _ := s.CreateKey(t, harness.Default)
	context := object{"table": "salaries"}
	const each = 100
	var in strings.Builder
	for material := range 2 {
		for i := range each {
			plain := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "plaintext %d", material*each+i))
			blob := text(s.Must(t, "Encrypt", object{"KeyId": key, "Plaintext": plain, "EncryptionContext": context}), "CiphertextBlob")
			fmt.Fprintf(&in, "row %d\t%s\n", material*each+i, blob)
		}
		if material == 0 {
			s.Must(t, "RotateKeyOnDemand", object{"KeyId": key})
		}
	}
	in.WriteString("bad 1\tnot base64\nbad 2\tAAAAAAAA\n")
	folder := t.TempDir()
	old, made := filepath.Join(folder, "old.txt"), filepath.Join(folder, "new.txt")
	if err := os.WriteFile(old, []byte(in.String()), 0o400); err != nil {
		t.Fatal(err)
	}

	const answered = each + 20 // of which the first 100 are on the disk
	proxy, reached := stalling(t, s.URL, answered)
	first := reencrypt(t, proxy, key, old, made)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	if !harness.Eventually(wait, func() bool { return len(lines(t, made)) >= each }) {
		t.Error("nothing is written before the end")
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	kept := lines(t, made)
	if len(kept) >= 2*each {
		t.Fatalf("all is done: %d", len(kept))
	}
	torn, err := os.OpenFile(made, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = torn.WriteString("row 150\tAAAA")
	_ = torn.Close()

	for round := range 2 { // the second finds nothing to do but what fails
		again := reencrypt(t, s.URL, key, old, made)
		var stderr bytes.Buffer
		again.Stderr = &stderr
		stdout, _ := again.Output()
		var report object
		if err := json.Unmarshal(stdout, &report); err != nil {
			t.Fatalf("%v: %s%s", err, stdout, stderr.Bytes())
		}
		earlier := len(kept)
		if round == 1 {
			earlier = 2 * each
		}
		if number(report, "lines") != 2*each+2 || number(report, "earlier") != earlier || number(report, "reencrypted") != 2*each-earlier ||
			number(report, "failed") != 2 || number(report, "remaining") != 0 || again.ProcessState.ExitCode() != exitFailure {
			t.Errorf("%s%s", stdout, stderr.Bytes())
		}
	}
	failed := lines(t, made+".errors")
	if len(failed) != 2 || !strings.HasPrefix(failed[0], "bad 1\tInvalidBase64\t") || !strings.HasPrefix(failed[1], "bad 2\tInvalidCiphertextException\t") {
		t.Errorf("%q", failed)
	}
	current := text(s.Must(t, "DescribeKey", object{"KeyId": key}), "KeyMetadata", "CurrentKeyMaterialId")
	for i, line := range lines(t, made) {
		id, blob, _ := strings.Cut(line, "\t")
		got := s.Must(t, "Decrypt", object{"CiphertextBlob": blob, "EncryptionContext": context})
		plain, _ := base64.StdEncoding.DecodeString(text(got, "Plaintext"))
		if id != fmt.Sprintf("row %d", i) || string(plain) != fmt.Sprintf("plaintext %d", i) || text(got, "KeyMaterialId") != current || current == "" {
			t.Errorf("line %d: %q %q", i, id, plain)
		}
	}
	if now, err := os.ReadFile(old); err != nil || string(now) != in.String() {
		t.Errorf("the file of blobs is changed: %v", err)
	}
	for _, name := range []string{made, made + ".errors", made + ".run"} {
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	otherKey, _ := s.CreateKey(t, harness.Default)
	if out, err := reencrypt(t, s.URL, otherKey, old, made).CombinedOutput(); err == nil || !strings.Contains(string(out), "name another --out") {
		t.Errorf("%s", out)
	}
	badSecret := reencrypt(t, s.URL, key, old, filepath.Join(folder, "never.txt"))
	badSecret.Env = append(badSecret.Env, "AWS_SECRET_ACCESS_KEY=wrong")
	if out, err := badSecret.CombinedOutput(); err == nil || !strings.Contains(string(out), "InvalidSignatureException") || !strings.Contains(string(out), `"failed": 0`) {
		t.Errorf("%s", out)
	}
}

// reencrypt is a run of the command, which has not started.
func reencrypt(t *testing.T, endpoint, key, in, out string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), harness.Program("trent"), "reencrypt", "--endpoint", endpoint, "--region", harness.Region, "--key", key,
		"--in", in, "--out", out, "--context", "table=salaries", "--output", "json")
	c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+harness.AccessKey, "AWS_SECRET_ACCESS_KEY="+harness.SecretKey, "AWS_SESSION_TOKEN=")
	return c
}

// lines are a file's whole lines.
func lines(t *testing.T, name string) []string {
	b, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	all := strings.Split(string(b), "\n")
	return all[:len(all)-1]
}

// stalling passes some requests on, and then leaves callers without an answer.
func stalling(t *testing.T, to string, answered int64) (endpoint string, reached <-chan struct{}) {
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	pass, stalled := httputil.NewSingleHostReverseProxy(target), make(chan struct{})
	var n atomic.Int64
	var once sync.Once
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= answered {
			pass.ServeHTTP(w, r)
			return
		}
		once.Do(func() { close(stalled) })
		_, _ = r.Body.Read(make([]byte, 1<<16)) // so that the server sees when the caller goes
		<-r.Context().Done()
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL, stalled
}
