package node_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"trent/internal/admin"
	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
	"trent/internal/throttle"
)

// newThrottled is a node with request quotas, of which some are small.
func newThrottled(t *testing.T, few map[string]int) *fixture {
	t.Helper()
	numbers := throttle.AWS()
	for class, n := range few {
		if err := numbers.Set(class, n); err != nil {
			t.Fatal(err)
		}
	}
	return newFixtureWith(t, servertest.Args(t), func(c *node.Config) { c.Requests = numbers })
}

// at has calls of a moment of their own, which nothing but the test moves.
func (c caller) at(t *testing.T, at time.Time) func(op string, in object) string {
	return func(op string, in object) string {
		t.Helper()
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		a := c.send(context.Background(), op, string(body), at)
		if a.code == "ThrottlingException" && (a.status != 400 || a.message != "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.") {
			t.Errorf("%+v", a)
		}
		return a.code
	}
}

// through is how many of n equal calls are not throttled.
func through(n int, call func() string) (count int) {
	for range n {
		if call() != "ThrottlingException" {
			count++
		}
	}
	return count
}

// TestRequestQuotas: what counts where. Each class has four requests; all that
// follow in the same moment are refused, whatever else is wrong with them.
func TestRequestQuotas(t *testing.T) {
	t.Parallel()
	few := map[string]int{"CreateKey": 50}
	for _, class := range []string{"CryptographicOperationsSymmetric", "CryptographicOperationsRSA", "CryptographicOperationsECC", "GenerateDataKeyPair_ECC_NIST_P256", "DescribeKey", "GetPublicKey", "EnableKey", "ListKeys"} {
		few[class] = 4
	}
	f := newThrottled(t, few)
	owner := f.caller("111122223333")
	key := owner.createKey(t)
	mac := owner.must(t, "CreateKey", object{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}).str("KeyMetadata", "KeyId")
	ecc := owner.must(t, "CreateKey", object{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}).str("KeyMetadata", "KeyId")
	blob := owner.must(t, "Encrypt", object{"KeyId": key, "Plaintext": []byte("x")}).str("CiphertextBlob")
	encrypt, random := object{"KeyId": key, "Plaintext": []byte("x")}, object{"NumberOfBytes": 8}
	decrypt, sign := object{"CiphertextBlob": blob}, object{"KeyId": ecc, "Message": []byte("x"), "SigningAlgorithm": "ECDSA_SHA_256"}
	pair := object{"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"}
	type step struct {
		op   string
		in   object
		want string
	}
	const throttled, dry = "ThrottlingException", "DryRunOperationException"
	garbage := object{"CiphertextBlob": []byte("no ciphertext")}
	unknown := object{"KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "Plaintext": []byte("x")}
	for i, steps := range [][]step{
		{{"Encrypt", encrypt, ""}, {"Decrypt", decrypt, ""}, {"GenerateMac", object{"KeyId": mac, "Message": []byte("x"), "MacAlgorithm": "HMAC_SHA_256"}, ""}, {"GenerateRandom", random, ""},
			{"GenerateRandom", random, throttled}, {"Decrypt", decrypt, throttled}, {"Sign", sign, ""}, {"DescribeKey", object{"KeyId": key}, ""}, {"GenerateDataKeyPair", pair, ""}},
		{{"ReEncrypt", object{"CiphertextBlob": blob, "DestinationKeyId": key}, ""}, {"Encrypt", object{"KeyId": key, "Plaintext": []byte("x"), "DryRun": true}, dry}, {"Encrypt", unknown, "NotFoundException"}, {"Decrypt", garbage, "InvalidCiphertextException"},
			{"Encrypt", encrypt, throttled}, {"Encrypt", unknown, throttled}, {"Decrypt", garbage, throttled}, {"ReEncrypt", object{"CiphertextBlob": blob, "DestinationKeyId": key}, throttled}},
		{{"Sign", sign, ""}, {"Sign", sign, ""}, {"Encrypt", object{"KeyId": ecc, "Plaintext": []byte("x")}, "InvalidKeyUsageException"}, {"Sign", sign, ""}, {"Sign", sign, throttled}, {"GetPublicKey", object{"KeyId": ecc}, ""}},
		{{"GenerateDataKeyPair", pair, ""}, {"GenerateDataKeyPairWithoutPlaintext", pair, ""}, {"GenerateDataKeyPair", pair, ""}, {"GenerateDataKeyPair", pair, ""}, {"GenerateDataKeyPairWithoutPlaintext", pair, throttled},
			{"GenerateDataKeyPair", object{"KeyId": key, "KeyPairSpec": "ECC_NIST_P384"}, ""}, {"Encrypt", encrypt, ""}},
		{{"EnableKey", object{"KeyId": key}, ""}, {"EnableKey", object{"KeyId": key}, ""}, {"EnableKey", object{"KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}, "NotFoundException"}, {"EnableKey", object{}, "ValidationException"},
			{"EnableKey", object{"KeyId": key}, ""}, {"EnableKey", object{"KeyId": key}, throttled}, {"DisableKey", object{"KeyId": ecc}, ""}},
	} {
		call := owner.at(t, time.Now().Add(time.Duration(i+1)*time.Minute/2)) // every bucket is full again
		for j, s := range steps {
			if got := call(s.op, s.in); got != s.want {
				t.Errorf("%d.%d %s: %q, want %q", i, j, s.op, got, s.want)
			}
		}
	}
}

// TestRequestQuotasOverTime: the number each second, for each account by itself; a
// key's owner pays nothing for others' use of it, and an operator and the metrics
// see who used what.
func TestRequestQuotasOverTime(t *testing.T) {
	t.Parallel()
	f := newThrottled(t, map[string]int{"CryptographicOperationsSymmetric": 10})
	owner, other := f.caller("111122223333"), f.caller("444455556666")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["111122223333","444455556666"]},"Action":"kms:*","Resource":"*"}]}`
	arn := owner.must(t, "CreateKey", object{"Policy": policy, "BypassPolicyLockoutSafetyCheck": true}).str("KeyMetadata", "Arn")
	encrypt := object{"KeyId": arn, "Plaintext": []byte("x")}
	began := time.Now().Add(time.Second)
	sum := 0
	for second := range 5 {
		for quarter := range 4 {
			call := other.at(t, began.Add(time.Duration(4*second+quarter)*time.Second/4))
			sum += through(7, func() string { return call("Encrypt", encrypt) })
		}
	}
	if want := 10 + 10*19/4; sum != want { // the last quarter of a second is the beginning of the next
		t.Errorf("%d of 140 get through in 4.75 seconds, want %d", sum, want)
	}
	if got := through(20, func() string { return owner.at(t, began.Add(4*time.Second))("Encrypt", encrypt) }); got != 10 {
		t.Errorf("%d of the owner's get through, want 10", got)
	}
	f.ahead.Add(int64(5 * time.Second)) // the operator asks then
	q, err := f.Quotas(t.Context(), admin.QuotaQuery{Account: "444455556666", Region: "eu-west-1"})
	if err != nil || q.Requests != admin.RequestQuotasOn || len(q.Usage) != 1 {
		t.Fatalf("%+v, %v", q, err)
	}
	if u := q.Usage[0]; u.Class != "CryptographicOperationsSymmetric" || u.PerSecond != 10 || u.Peak < 10 || u.Peak > 20 || u.Throttled != uint64(140-sum) {
		t.Errorf("%+v", u)
	}
	all := f.gather(t)
	if got := value(all, "trent_request_quota_throttled_total", "class", "CryptographicOperationsSymmetric"); got != float64(140-sum+10) {
		t.Errorf("%v are counted as refused", got)
	}
	for _, q := range []admin.QuotaQuery{{Account: "1"}, {Region: "eu-nowhere-1"}} {
		if _, err := f.Quotas(t.Context(), q); err == nil {
			t.Errorf("%+v is answered", q)
		}
	}
}

// TestThrottledAreRecorded: a throttled call has its record, and those beyond a
// hundred a second have one together, apart from what was refused for want of a
// permission.
func TestThrottledAreRecorded(t *testing.T) {
	t.Parallel()
	f := newThrottled(t, map[string]int{"CryptographicOperationsSymmetric": 3})
	owner, stranger := f.caller("111122223333"), f.caller("444455556666")
	arn := owner.must(t, "CreateKey", "{}").str("KeyMetadata", "Arn")
	call, at := stranger.at(t, time.Now().Add(time.Second)), map[string]int{}
	for range 400 {
		at[call("Encrypt", object{"KeyId": arn, "Plaintext": []byte("x")})]++
		at[call("DescribeKey", object{"KeyId": arn})]++
	}
	if at["ThrottlingException"] != 397 || at["AccessDeniedException"] != 403 {
		t.Errorf("%v", at)
	}
	f.close(t)
	recorded := map[string]int{}
	for _, m := range f.records(t) {
		n, code := 1, fmt.Sprint(m["errorCode"])
		if m["eventName"] == "RefusedCalls" {
			details := m["serviceEventDetails"].(map[string]any)
			n = int(details["calls"].(float64))
			recorded["together "+code]++
			if code == "ThrottlingException" && fmt.Sprint(details["operations"]) != fmt.Sprintf("map[kms.amazonaws.com:Encrypt:%d]", n) {
				t.Errorf("%v", details)
			}
		}
		recorded[code] += n
	}
	if recorded["ThrottlingException"] != 397 || recorded["AccessDeniedException"] != 403 || recorded["together ThrottlingException"] == 0 || recorded["together AccessDeniedException"] == 0 {
		t.Errorf("%v", recorded)
	}
}

// TestNoRequestQuotas: they are off by default.
func TestNoRequestQuotas(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	owner := f.caller("111122223333")
	call := owner.at(t, time.Now())
	if got := through(30, func() string {
		return call("CreateKey", object{"Description": base64.StdEncoding.EncodeToString([]byte("x"))})
	}); got != 30 {
		t.Errorf("%d of 30 get through", got)
	}
	if q, err := f.Quotas(t.Context(), admin.QuotaQuery{}); err != nil || q.Requests != admin.RequestQuotasOff || len(q.Usage) != 0 {
		t.Errorf("%+v, %v", q, err)
	}
}
