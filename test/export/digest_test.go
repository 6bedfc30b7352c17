package export

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/digest"
	"trent/internal/export"
	"trent/test/harness"
)

// signer signs as the crypto module does.
type signer struct{ key *ecdsa.PrivateKey }

func (s signer) spki() []byte {
	spki, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		panic(err)
	}
	return spki
}

func (s signer) Keys(context.Context) ([]digest.Key, error) {
	return []digest.Key{{ID: digest.KeyID(s.spki()), Algorithm: digest.ECDSA, PublicKey: s.spki()}}, nil
}

func (s signer) Sign(_ context.Context, text []byte) ([]digest.Signature, error) {
	h := sha512.Sum384(text)
	b, err := ecdsa.SignASN1(rand.Reader, s.key, h[:])
	return []digest.Signature{{Algorithm: digest.ECDSA, KeyID: digest.KeyID(s.spki()), Bytes: b}}, err
}

// verifier is how docs/operating.md verifies a digest file, with Python for jq; it
// goes back along the chain and prints how many log files it has found as they
// were.
const verifier = `
import base64, glob, gzip, hashlib, json, subprocess, sys
root, key = sys.argv[1:]
previous = None
count = 0
for name in sorted(glob.glob(root + "/AWSLogs/*/CloudTrail-Digest/**/*.json.gz", recursive=True)):
    plain = gzip.open(name).read()
    d = json.loads(plain)
    hashed = hashlib.sha256(plain).hexdigest()
    if previous is not None:
        assert d["previousDigestHashValue"] == previous[0] and d["previousDigestSignature"] == previous[1], name
    signed = "%s\n%s/%s\n%s\n%s" % (d["digestEndTime"], d["digestS3Bucket"], d["digestS3Object"], hashed, d["previousDigestSignature"] or "null")
    signature = base64.b64decode(open(name + ".sig").readline().split()[2])
    open(root + "/signature", "wb").write(signature)
    open(root + "/signed", "w").write(signed)
    subprocess.run(["openssl", "dgst", "-sha384", "-verify", key, "-signature", root + "/signature", root + "/signed"], check=True, stdout=subprocess.DEVNULL)
    for f in d["logFiles"]:
        assert hashlib.sha256(gzip.open(root + "/" + f["s3Object"]).read()).hexdigest() == f["hashValue"], f
        count += 1
    previous = (hashed, signature.hex())
print(count)
`

// TestDigestFilesVerify: OpenSSL and Python verify the digest files of three hours,
// and find a log file, a digest file and a signature that were changed.
func TestDigestFilesVerify(t *testing.T) {
	t.Parallel()
	dir, folder, state := filepath.Join(t.TempDir(), "audit"), t.TempDir(), t.TempDir()
	node := [16]byte{7}
	trail, err := audit.Open(t.Context(), dir, audit.Options{Node: node, Mode: audit.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	defer trail.Close()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var hours atomic.Int64
	now := func() time.Time {
		return time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC).Add(time.Duration(hours.Load()) * time.Hour)
	}
	x, err := export.New(export.Config{
		Trail: dir, State: state, Node: node, Head: trail.Head, Signed: trail.Head, Signer: signer{key}, Own: func() []net.Addr { return nil },
		Record: func(context.Context, export.Notice) error { return nil }, Now: now, Log: slog.New(slog.DiscardHandler),
	}, export.Export{Name: "archive", Folder: folder, Every: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { x.Run(ctx) })
	for hour := range 3 {
		e := audit.Event{Time: now(), Source: "kms.amazonaws.com", Name: "Encrypt", Region: "eu-west-1", EventID: "id", RecipientAccountID: "111122223333", Type: audit.TypeAPICall}
		if err := trail.Append(t.Context(), e.AppendJSON(nil)); err != nil {
			t.Fatal(err)
		}
		if !harness.Eventually(wait, func() bool { return x.Status().Sequence == uint64(hour+1) }) {
			t.Fatalf("%+v", x.Status())
		}
		hours.Add(1)
		if !harness.Eventually(wait, func() bool { return len(found(t, folder, "*-Digest_*.json.gz")) == hour+1 }) {
			t.Fatalf("no digest file after hour %d", hour)
		}
	}
	cancel()
	running.Wait()
	public := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(public, digest.PEM(signer{key}.spki()), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := func() (string, error) {
		out, err := exec.Command("/usr/bin/python3", "-c", verifier, folder, public).CombinedOutput()
		return string(out), err
	}
	if out, err := verify(); err != nil || out != "3\n" {
		t.Fatalf("%v %s", err, out)
	}
	digests := found(t, folder, "*-Digest_*.json.gz")
	for what, file := range map[string]string{"a log file": found(t, folder, "*_CloudTrail_*.json.gz")[1], "a digest file": digests[0], "a signature": digests[2] + ".sig"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		other := digests[1]
		if what == "a signature" {
			other += ".sig"
		}
		replaced, err := os.ReadFile(other)
		if err == nil {
			err = os.WriteFile(file, replaced, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if out, err := verify(); err == nil {
			t.Errorf("%s was replaced, and nobody sees it: %s", what, out)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// found are the files below a folder whose names match, in order.
func found(t *testing.T, folder, pattern string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if is, _ := filepath.Match(pattern, filepath.Base(path)); err == nil && is {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
