package twin

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"trent/test/harness"
)

type object = map[string]any

// control sends a request to /_trent/… and returns the answer, which must be 200.
func control(t *testing.T, s *harness.Server, method, path, body string) object {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(b, &out); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, b)
	}
	return out
}

// retrying has a client try as often as that, and not wait long.
func retrying(attempts int) func(*kms.Options) {
	return func(o *kms.Options) {
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = attempts, 200*time.Millisecond
		})
	}
}

// code is the API's code of an error.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func createKey(t *testing.T, c *kms.Client) *string {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata.KeyId
}

func encrypt(t *testing.T, c *kms.Client, id *string) []byte {
	t.Helper()
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	return out.CiphertextBlob
}

// TestDeletion: thirty days are a request, and a restart does not bring them back.
func TestDeletion(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	c := s.Client(harness.Default)
	id := createKey(t, c)
	blob := encrypt(t, c, id)
	if _, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(30)}); err != nil {
		t.Fatal(err)
	}
	control(t, s, "POST", "/_trent/clock", `{"advance":"29d"}`)
	out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id})
	if err != nil || out.KeyMetadata.KeyState != types.KeyStatePendingDeletion {
		t.Fatalf("after 29 days: %v, %v", out, err)
	}
	s.Kill()
	s.Restart()
	c = s.Client(harness.Default)
	control(t, s, "POST", "/_trent/clock", `{"advance":"1d"}`)
	var gone *types.NotFoundException
	if _, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id}); !errors.As(err, &gone) {
		t.Errorf("after 30 days: %v", err)
	}
	if _, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob}); code(err) != "AccessDeniedException" {
		t.Errorf("its ciphertext: %v", err)
	}
}

// TestRetries: an SDK meets faults, and comes through.
func TestRetries(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	c := s.Client(harness.Default, retrying(3))
	id := createKey(t, c)
	blob := encrypt(t, c, id)
	decrypt := func(c *kms.Client) error {
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		return err
	}
	hits := func() any {
		return control(t, s, "GET", "/_trent/faults", "")["rules"].([]any)[0].(object)["hits"]
	}
	for _, fault := range []string{"throttle", "internal", "unavailable"} {
		control(t, s, "POST", "/_trent/faults", `{"rules":[{"operation":"Decrypt","fault":"`+fault+`","count":2}]}`)
		if err := decrypt(c); err != nil || hits() != 2.0 {
			t.Errorf("%s, twice: %v after %v hits", fault, err, hits())
		}
		control(t, s, "POST", "/_trent/faults", `{"rules":[{"operation":"Decrypt","fault":"`+fault+`"}]}`)
		want := map[string]string{"throttle": "ThrottlingException", "internal": "KMSInternalException", "unavailable": "ServiceUnavailableException"}[fault]
		if err := decrypt(c); code(err) != want || hits() != 3.0 {
			t.Errorf("%s, always: %v after %v hits", fault, err, hits())
		}
	}
	control(t, s, "POST", "/_trent/faults", `{"rules":[{"operation":"Decrypt","fault":"module-restart"}]}`)
	before := s.Module()
	if err := decrypt(s.Client(harness.Default)); code(err) != "ServiceUnavailableException" {
		t.Errorf("the module goes: %v", err)
	}
	if err := decrypt(s.Client(harness.Default, retrying(50))); err != nil {
		t.Errorf("the module comes back: %v", err)
	}
	if s.Module() == before {
		t.Error("the module is the one of before")
	}
	control(t, s, "DELETE", "/_trent/faults", "")
	if err := decrypt(s.Client(harness.Default)); err != nil {
		t.Error(err)
	}
}

// TestReset: behind the same address, with the seed once more.
func TestReset(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "seed.yaml")
	text := "keys:\n- region: eu-west-1\n  id: 1234abcd-12ab-34cd-56ef-1234567890ab\n  aliases: [alias/app]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := harness.Start(t, "--seed", file)
	c := s.Client(harness.Default)
	mine, blob := createKey(t, c), encrypt(t, c, aws.String("alias/app"))
	control(t, s, "POST", "/_trent/reset", "{}")
	out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/app")})
	if err != nil || *out.KeyMetadata.KeyId != "1234abcd-12ab-34cd-56ef-1234567890ab" {
		t.Errorf("the seed's key: %v, %v", out, err)
	}
	if _, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: mine}); code(err) != "NotFoundException" {
		t.Errorf("a key of before: %v", err)
	}
	if _, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob}); code(err) != "AccessDeniedException" {
		t.Errorf("a ciphertext of before: %v", err)
	}
	blob = encrypt(t, c, aws.String("alias/app"))
	s.Kill() // with its module, after which the new one's key opens the folder
	s.Restart()
	if _, err := s.Client(harness.Default).Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob}); err != nil {
		t.Errorf("after a crash: %v", err)
	}
}

// TestBadSeed: nothing is served, and the line is named.
func TestBadSeed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "seed.yaml")
	if err := os.WriteFile(file, []byte("keys:\n- region: eu-west-1\n  alias: alias/app\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := harness.Run(t, "dev", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--seed", file)
	if code != 1 || !strings.Contains(out, file+":3: unknown field alias") {
		t.Errorf("%d %s", code, out)
	}
}

// TestTLS: the certificates are made once, and whoever trusts the authority
// agrees on a key that outlives a quantum computer.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--tls")
	authority := filepath.Join(s.Data, "tls", "ca.pem")
	pem, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	if !harness.Eventually(10*time.Second, func() bool { return bytes.Contains(s.Output(), []byte("trent dev: AWS_CA_BUNDLE="+authority+"\n")) }) {
		t.Errorf("the authority is not named: %s", s.Output())
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	with := func(config *tls.Config) func(*kms.Options) {
		return func(o *kms.Options) { o.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: config}} }
	}
	trusting := &tls.Config{RootCAs: roots, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}
	createKey(t, s.Client(harness.Default, with(trusting)))
	if _, err := s.Client(harness.Default, with(&tls.Config{})).ListKeys(t.Context(), &kms.ListKeysInput{}); err == nil {
		t.Error("served who does not know the authority")
	}
	s.Stop()
	s.Restart()
	if again, err := os.ReadFile(authority); err != nil || !bytes.Equal(again, pem) {
		t.Errorf("started again it has another authority: %v", err)
	}
	createKey(t, s.Client(harness.Default, with(trusting)))
}
