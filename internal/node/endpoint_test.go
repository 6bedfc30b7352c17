package node_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
	"trent/internal/policy"
)

// TestEndpoints: a listener's endpoint policy bounds what comes in by it, root's
// calls and those of IAM too, and other policies can demand that a call comes by
// an endpoint.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	d, err := policy.Parse(`{"Statement":[
		{"Effect":"Allow","Principal":"*","Action":["kms:Encrypt","kms:ListKeys","iam:GetUser"],"Resource":"*"},
		{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111122223333:user/out"},"Action":"*","Resource":"*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) {
		c.Endpoints = map[string]*node.Endpoint{"private": {Policy: policy.Compile(d, nil), ID: "vpce-1", VPC: "vpc-1"}}
	})
	root := f.caller(owners)
	by := func(c caller, listener, op string, in object) string {
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		r := c.request(op, string(body), time.Now())
		r.Listener = listener
		return string(f.Pipeline.Serve(t.Context(), &r, nil).Body)
	}
	id := root.createKey(t)
	bound := root.user(t, "bound", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1","aws:SourceVpc":"vpc-1"},"Null":{"aws:SourceIp":"true"},"IpAddress":{"aws:VpcSourceIp":"192.0.2.0/24"}}}}`)
	out := root.user(t, "out", mayAll)
	encrypt := object{"KeyId": id, "Plaintext": []byte("x")}
	for _, row := range []struct {
		what     string
		who      caller
		listener string
		op       string
		in       object
		refusal  string // "" is none
	}{
		{"root, by the other listener", root, "test", "DescribeKey", object{"KeyId": id}, ""},
		{"root, what the endpoint allows", root, "private", "Encrypt", encrypt, ""},
		{"root, what it does not", root, "private", "DescribeKey", object{"KeyId": id}, "because no VPC endpoint policy allows the kms:DescribeKey action"},
		{"root, without a key", root, "private", "ListKeys", object{}, ""},
		{"root, without a key, not allowed", root, "private", "CreateKey", object{}, "because no VPC endpoint policy allows the kms:CreateKey action"},
		{"who must come by the endpoint", bound, "private", "Encrypt", encrypt, ""},
		{"who must, and does not", bound, "test", "Encrypt", encrypt, "because no identity-based policy allows"},
		{"who must, and wants more", bound, "private", "Decrypt", object{"CiphertextBlob": root.must(t, "Encrypt", encrypt).str("CiphertextBlob")}, "the resource associated with this ciphertext"},
		{"who must not", out, "private", "Encrypt", encrypt, "with an explicit deny in a VPC endpoint policy"},
		{"who must not, by the other listener", out, "test", "Encrypt", encrypt, ""},
	} {
		got := by(row.who, row.listener, row.op, row.in)
		if denied := strings.Contains(got, "AccessDeniedException"); denied != (row.refusal != "") || !strings.Contains(got, row.refusal) {
			t.Errorf("%s: %s, want %q", row.what, got, row.refusal)
		}
	}
}
