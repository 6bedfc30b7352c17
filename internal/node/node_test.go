package node_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"trent/internal/domains"
	"trent/internal/node"
)

type object = map[string]any

func TestEncryptOutlivesARestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	ec := object{"purpose": "test"}
	blob := c.must(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte("hello"), "EncryptionContext": ec}).str("CiphertextBlob")
	f.close(t)
	f.open(t)
	got := c.must(t, "Decrypt", object{"CiphertextBlob": blob, "EncryptionContext": ec})
	if got.str("Plaintext") != "aGVsbG8=" {
		t.Errorf("decrypted %q", got.str("Plaintext"))
	}
	if got := c.call("Decrypt", object{"CiphertextBlob": blob}); got.code != "InvalidCiphertextException" || got.message != "" {
		t.Errorf("without its context: %q %q", got.code, got.message)
	}
}

// TestOrderOfRefusals pins which refusal comes first, where a request has
// several faults: each row has all the faults of the rows below it.
func TestOrderOfRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	owner, stranger := f.caller("111122223333"), f.caller("444455556666")
	id := owner.createKey(t)
	arn := "arn:aws:kms:eu-west-1:111122223333:key/" + id
	other := owner.createKey(t)
	blob := owner.must(t, "Encrypt", object{"KeyId": other, "Plaintext": []byte("x")}).str("CiphertextBlob")
	owner.must(t, "DisableKey", object{"KeyId": id})

	steps := []struct {
		name, op string
		c        caller
		in       any
		code     string
	}{
		{"wrong signature", "Decrypt", caller{f, "111122223333", "wrong", "eu-west-1"}, `{"KeyId":1}`, "InvalidSignatureException"},
		{"wrong type", "Decrypt", stranger, `{"KeyId":1,"EncryptionAlgorithm":"NONE"}`, "SerializationException"},
		{"constraint", "Decrypt", stranger, object{"KeyId": arn, "CiphertextBlob": blob, "EncryptionAlgorithm": "NONE", "GrantTokens": []string{"t"}}, "ValidationException"},
		{"not yet", "Decrypt", stranger, object{"KeyId": "no key", "CiphertextBlob": blob, "Recipient": object{}, "GrantTokens": []string{"t"}}, "UnsupportedOperationException"},
		{"grant token", "Decrypt", stranger, object{"KeyId": "no key", "CiphertextBlob": blob, "GrantTokens": []string{"t"}}, "InvalidGrantTokenException"},
		{"resolution", "Decrypt", stranger, object{"KeyId": "no key", "CiphertextBlob": blob}, "NotFoundException"},
		{"authorization", "Decrypt", stranger, object{"KeyId": arn, "CiphertextBlob": blob}, "AccessDeniedException"},
		{"another key's ciphertext", "Decrypt", owner, object{"KeyId": arn, "CiphertextBlob": blob, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}, "IncorrectKeyException"},
		{"algorithm", "Encrypt", owner, object{"KeyId": arn, "Plaintext": []byte("x"), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256", "DryRun": true}, "InvalidKeyUsageException"},
		{"state", "Encrypt", owner, object{"KeyId": arn, "Plaintext": []byte("x"), "DryRun": true}, "DisabledException"},
		{"dry run", "Encrypt", owner, object{"KeyId": other, "Plaintext": []byte("x"), "DryRun": true}, "DryRunOperationException"},
	}
	for _, s := range steps {
		if got := s.c.call(s.op, s.in); got.code != s.code {
			t.Errorf("%s: %s %q, want %s", s.name, got.code, got.message, s.code)
		}
	}
}

// TestForeignKeysDoNotShow: of another account, a key that exists and one that
// does not answer alike.
func TestForeignKeysDoNotShow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	owner, stranger := f.caller("111122223333"), f.caller("444455556666")
	id := owner.createKey(t)
	owner.must(t, "CreateAlias", object{"AliasName": "alias/a", "TargetKeyId": id})
	blob := owner.must(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}).str("CiphertextBlob")
	const account = "arn:aws:kms:eu-west-1:111122223333:"
	for _, pair := range [][2]string{
		{account + "key/" + id, account + "key/00000000-0000-4000-8000-000000000000"},
		{account + "alias/a", account + "alias/b"},
	} {
		var texts [2]string
		for i, ref := range pair {
			got := stranger.call("DescribeKey", object{"KeyId": ref})
			if got.code != "AccessDeniedException" {
				t.Errorf("%s: %s", ref, got.code)
			}
			want := fmt.Sprintf("User: arn:aws:iam::444455556666:root is not authorized to perform: kms:DescribeKey on resource: %s because no resource-based policy allows the kms:DescribeKey action", ref)
			if got.message != want {
				t.Errorf("%q, want %q", got.message, want)
			}
			texts[i] = got.message
		}
	}
	elsewhere := caller{f, "111122223333", "test", "us-east-1"}
	const denied = " is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
	for name, c := range map[string]caller{"another account": stranger, "another Region": elsewhere} {
		got := c.call("Decrypt", object{"CiphertextBlob": blob})
		if want := "User: arn:aws:iam::" + c.accessKey + ":root" + denied; got.code != "AccessDeniedException" || got.message != want {
			t.Errorf("%s: %s %q", name, got.code, got.message)
		}
	}
}

// TestDisableKeyHoldsAtOnce: no request that starts after DisableKey returned
// can use the key, however busy its snapshot is.
func TestDisableKeyHoldsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	in := object{"KeyId": id, "KeySpec": "AES_256"}
	var epoch atomic.Int64 // odd while the key is certainly disabled
	var busy sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				start := epoch.Load()
				if got := c.call("GenerateDataKey", in); start%2 == 1 && got.code == "" && epoch.Load() == start {
					t.Error("a disabled key made a data key")
					return
				}
			}
		})
	}
	for range 30 {
		c.must(t, "DisableKey", object{"KeyId": id})
		epoch.Add(1)
		if got := c.call("GenerateDataKey", in); got.code != "DisabledException" {
			t.Errorf("after DisableKey: %q", got.code)
		}
		epoch.Add(1)
		c.must(t, "EnableKey", object{"KeyId": id})
	}
	close(stop)
	busy.Wait()
}

// TestConcurrentMutationsAllSucceed: compare-and-swap conflicts are the
// pipeline's to solve, not the clients'.
func TestConcurrentMutationsAllSucceed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 5 {
				op := "EnableKey"
				if (i+j)%2 == 0 {
					op = "DisableKey"
				}
				if got := c.call(op, object{"KeyId": id}); got.code != "" {
					t.Errorf("%s: %s %s", op, got.code, got.message)
				}
			}
		})
	}
	all.Wait()
}

// TestRotationUnderLoad rotates and rewraps while clients encrypt and decrypt,
// kills the module in between, and opens what was encrypted at the start.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.close(t)
	f.rotate = 50 * time.Millisecond
	f.open(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	first := c.must(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte("first")}).str("CiphertextBlob")

	rotations := 6
	if os.Getenv("TRENT_SOAK") != "" {
		rotations = 100
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	var served atomic.Int64
	for range 16 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got := c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")})
				if got.code == "" {
					got = c.call("Decrypt", object{"CiphertextBlob": got.str("CiphertextBlob")})
				}
				if got.code != "" && got.code != "ServiceUnavailableException" {
					t.Errorf("%s: %s", got.code, got.message)
					return
				}
				if got.code == "" {
					served.Add(1)
				}
			}
		})
	}
	for i := range rotations {
		before := served.Load()
		if err := f.Domains.Rotate(t.Context(), "eu-west-1"); err != nil && i != rotations/2+1 {
			t.Errorf("rotate: %v", err)
		}
		if i == rotations/2 {
			if err := syscall.Kill(f.child.Pid(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the module is back", func() bool { return c.call("GenerateRandom", object{"NumberOfBytes": 1}).code == "" })
		}
		waitFor(t, "requests are served", func() bool { return served.Load() > before })
	}
	waitFor(t, "everything is rewrapped", func() bool {
		due, err := f.Domains.Due(t.Context(), "eu-west-1")
		return err == nil && !due.Rewrap
	})
	close(stop)
	load.Wait()
	f.close(t)
	f.open(t)
	if got := c.must(t, "Decrypt", object{"CiphertextBlob": first}); got.str("Plaintext") != "Zmlyc3Q=" {
		t.Errorf("the first blob opens as %q", got.str("Plaintext"))
	}
}

// waitFor polls a condition of another process, for half a minute at most.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within half a minute: %s", what)
		case <-tick.C:
		}
	}
}

// TestEveryCallHasOneRecord holds the trail against the answers.
func TestEveryCallHasOneRecord(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	type expected struct{ name, code string }
	want := map[string]expected{}
	note := func(op string, a answer) answer {
		want[a.requestID] = expected{op, a.code}
		return a
	}
	id := note("CreateKey", c.call("CreateKey", "{}")).str("KeyMetadata", "KeyId")
	for _, op := range []string{"DescribeKey", "DisableKey", "EnableKey"} {
		note(op, c.call(op, object{"KeyId": id}))
	}
	note("CreateAlias", c.call("CreateAlias", object{"AliasName": "alias/a", "TargetKeyId": id}))
	note("CreateAlias", c.call("CreateAlias", object{"AliasName": "alias/a", "TargetKeyId": id}))
	blob := note("Encrypt", c.call("Encrypt", object{"KeyId": "alias/a", "Plaintext": []byte("x"), "EncryptionContext": object{"k": "v"}})).str("CiphertextBlob")
	note("Decrypt", c.call("Decrypt", object{"CiphertextBlob": blob}))
	note("Decrypt", c.call("Decrypt", object{"CiphertextBlob": blob, "EncryptionContext": object{"k": "v"}}))
	note("DescribeKey", c.call("DescribeKey", object{"KeyId": "nothing"}))
	note("Encrypt", c.call("Encrypt", `{"KeyId":`))
	note("Sign", c.call("Sign", object{"KeyId": id, "Message": []byte("x"), "SigningAlgorithm": "ECDSA_SHA_256"}))
	note("ListKeys", caller{f, "111122223333", "wrong", "eu-west-1"}.call("ListKeys", "{}"))
	note("DeleteAlias", c.call("DeleteAlias", object{"AliasName": "alias/a"}))
	f.close(t)

	for _, r := range f.records(t) {
		requestID, _ := r["requestID"].(string)
		w, ok := want[requestID]
		if !ok {
			t.Errorf("a record of no call, or a second one: %v", r)
			continue
		}
		delete(want, requestID)
		code, _ := r["errorCode"].(string)
		if r["eventName"] != w.name || code != w.code || r["sourceIPAddress"] != "192.0.2.7" || r["userAgent"] != "node test" || r["eventID"] == "" {
			t.Errorf("%s %q: record %v", w.name, w.code, r)
		}
		if w.name == "CreateKey" {
			out, _ := r["responseElements"].(object)
			m, _ := out["keyMetadata"].(object)
			created, _ := m["creationDate"].(string)
			if _, err := time.Parse("Jan 2, 2006, 3:04:05 PM", created); m["keyId"] != id || m["enabled"] != true || err != nil {
				t.Errorf("response elements %v", out)
			}
		}
		if w.name == "Encrypt" && w.code == "" {
			in, _ := r["requestParameters"].(object)
			ec, _ := in["encryptionContext"].(object)
			if in["keyId"] != "alias/a" || ec["k"] != "v" || in["plaintext"] != nil {
				t.Errorf("request parameters %v", in)
			}
			keys, _ := r["resources"].([]any)
			if len(keys) != 1 || keys[0].(object)["ARN"] != "arn:aws:kms:eu-west-1:111122223333:key/"+id {
				t.Errorf("resources %v", keys)
			}
		}
	}
	for id, w := range want {
		t.Errorf("%s %q: no record of request %s", w.name, w.code, id)
	}
}

func TestFoldersAreNotMixedUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.caller("111122223333").createKey(t)
	f.close(t)

	config := f.config(t)
	config.Dev = false
	if n, err := node.Open(t.Context(), config); err == nil {
		n.Close()
		t.Error("production opened a folder of trent dev")
	}
	// Another module, with another key file.
	kept := f.args
	f.args = append([]string(nil), f.args...)
	f.args[1] += "-other"
	if n, err := node.Open(t.Context(), f.config(t)); err == nil {
		n.Close()
		t.Error("another module's key file opened the domain tokens")
	}
	f.args = kept
	f.open(t)
	if n, err := node.Open(t.Context(), f.config(t)); err == nil {
		n.Close()
		t.Error("two services opened one folder")
	}
	if _, err := f.Domains.Region(t.Context(), "not a Region"); err != domains.ErrNoRegion {
		t.Errorf("Region: %v", err)
	}
}
