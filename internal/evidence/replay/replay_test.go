package replay

import (
	"strings"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/iam"
	"trent/internal/optable"
)

const (
	owner  = "111122223333"
	keyARN = "arn:aws:kms:eu-west-1:" + owner + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

// everything are parameters with which each change finds what it is about.
const everything = `{"userName":"u","groupName":"g","roleName":"r","policyName":"p","policyDocument":"{}","policyArn":"arn:aws:iam::` + owner + `:policy/p",
	"permissionsBoundary":"arn:aws:iam::` + owner + `:policy/p","versionId":"v1","tags":[],"tagKeys":[],"policy":"{}","grantId":"x","aliasName":"alias/a","replicaRegion":"eu-central-1"}`

// answers are those of each change.
const answers = `{"user":{"userId":"AIDA"},"role":{"roleId":"AROA"},"policy":{"arn":"arn:aws:iam::` + owner + `:policy/p"},"policyVersion":{"versionId":"v1"},
	"grantId":"x","keyMetadata":{},"replicaKeyMetadata":{}}`

func event(source, name string) *Event {
	return &Event{
		Order: 1, Time: time.Unix(1, 0), Source: source, Name: name, ID: "id", Region: "eu-west-1", Account: owner, Caller: owner, Partition: "aws",
		Keys: []string{keyARN}, Parameters: []byte(everything), Response: []byte(answers),
	}
}

// TestEveryChangeOfIAMIsKnown: a new operation must be followed, or said to move nothing.
func TestEveryChangeOfIAMIsKnown(t *testing.T) {
	t.Parallel()
	for name, op := range iam.New(iam.Config{}).Operations {
		if !op.Mutates {
			continue
		}
		w := New()
		for _, before := range [...]string{"CreateUser", "CreateGroup", "CreateRole", "CreatePolicy"} {
			w.Apply(event(sourceIAM, before))
		}
		w.Apply(event(sourceIAM, name))
		if lost := w.accounts[owner].lost; lost.Why != "" {
			t.Errorf("%s: %s", name, lost.Why)
		}
	}
	w := New()
	w.Apply(event(sourceIAM, "CreateServiceLinkedRole"))
	if w.accounts[owner].lost.Why == "" {
		t.Error("an operation that is not known has lost nothing")
	}
}

// TestEveryChangeOfKeysIsKnown: the same of AWS KMS.
func TestEveryChangeOfKeysIsKnown(t *testing.T) {
	t.Parallel()
	for _, op := range api.Ops() {
		row := optable.Of(op)
		if !row.Mutates || row.Target == optable.KeyStore || strings.Contains(op.String(), "CustomKeyStore") {
			continue
		}
		for _, c := range New().Keys(event("kms.amazonaws.com", op.String())) {
			if c.Lost != "" && op != api.OpUpdatePrimaryRegion && !strings.Contains(c.Lost, "cannot be read") {
				t.Errorf("%s: %s", op, c.Lost)
			}
		}
	}
	for _, name := range [...]string{"DeleteKey", "RotateKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey"} { // service events
		if c := New().Keys(event("kms.amazonaws.com", name))[keyARN]; c == nil || c.Lost != "" {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c := New().Keys(event("kms.amazonaws.com", "ShareKey"))[keyARN]; c.Lost == "" {
		t.Error("an operation that is not known has lost nothing")
	}
}
