package node_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// everyParameter has a good value for each parameter that operations of IAM
// have; an operation that does not know one says so.
var everyParameter = map[string]string{
	"UserName": "somebody", "GroupName": "some", "RoleName": "some", "PolicyName": "some", "PolicyArn": "arn:aws:iam::111122223333:policy/some",
	"PolicyDocument": mayElse, "AssumeRolePolicyDocument": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}`,
	"PermissionsBoundary": "arn:aws:iam::111122223333:policy/some", "VersionId": "v1", "AccessKeyId": "AKIA1234567890ABCDEF", "Status": "Inactive",
	"Tags.member.1.Key": "a", "Tags.member.1.Value": "b", "TagKeys.member.1": "a",
}

// askAny calls an operation with all parameters that it knows.
func (c caller) askAny(action string) (code, message string) {
	parameters := maps.Clone(everyParameter)
	for {
		var list []string
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			list = append(list, name, parameters[name])
		}
		got := c.form(action, list...)
		rest, unknown := strings.CutPrefix(got.message, "The parameter ")
		name, _, unknownToo := strings.Cut(rest, " is unknown")
		if !unknown || !unknownToo || parameters[name] == "" {
			return got.code, got.message
		}
		delete(parameters, name)
	}
}

// TestCloudTrailMatrix: every operation of CloudTrail by those callers, by one who may
// read the history, by his session of GetSessionToken, and by who may do so for
// some resource only, which the operation has none of.
func TestCloudTrailMatrix(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	allowing := func(resource string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cloudtrail:LookupEvents","Resource":"` + resource + `"}}`
	}
	reader := root.user(t, "reader", allowing("*"))
	implicit, explicit := "because no identity-based policy allows the ", "with an explicit deny in an identity-based policy"
	refused := map[string]caller{
		"a stranger":          root.user(t, "stranger", mayElse),
		"one who may use KMS": root.user(t, "user", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:*","iam:*","sts:*"],"Resource":"*"}}`),
		"one of a resource":   root.user(t, "some", allowing("arn:aws:cloudtrail:*:*:trail/t")),
		"one who is denied":   root.user(t, "denied", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"cloudtrail:Lookup*","Resource":"*"}]}`),
	}
	if names := slices.Collect(maps.Keys(f.Pipeline.CloudTrail.Operations)); !slices.Equal(names, []string{"LookupEvents"}) {
		t.Errorf("operations without a row here: %q", names)
	}
	for name := range f.Pipeline.CloudTrail.Operations {
		for who, c := range refused {
			a := c.lookup(name, "{}")
			want := implicit + "cloudtrail:" + name + " action"
			if who == "one who is denied" {
				want = explicit
			}
			if a.status != 400 || a.code != "AccessDeniedException" || !strings.HasSuffix(a.message, " is not authorized to perform: cloudtrail:"+name+" "+want) {
				t.Errorf("%s by %s: %+v", name, who, a)
			}
		}
		for who, c := range map[string]caller{"root": root, "a reader": reader, "his session": reader.session(reader.ask(t, "sts:GetSessionToken"))} {
			if a := c.lookup(name, "{}"); a.status != 200 {
				t.Errorf("%s by %s: %+v", name, who, a)
			}
		}
	}
}

// TestIdentityMatrix: every operation of IAM and STS, by somebody without a
// policy, by one who may read only, and by one who may do everything but is
// denied it.
func TestIdentityMatrix(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	stranger := root.user(t, "stranger", mayElse)
	auditor := root.user(t, "auditor", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}}`)
	denied := root.user(t, "denied", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":["iam:*"],"Resource":"*"}]}`)
	open := map[string]bool{"sts:GetCallerIdentity": true, "sts:GetSessionToken": true}
	own := map[string]bool{"sts:AssumeRole": true} // which decides by itself
	n := 0
	for _, service := range f.Pipeline.Queries {
		for name, op := range service.Operations {
			action := service.Service + ":" + name
			if op.Open != open[action] || op.Own != own[action] {
				t.Errorf("%s is open: %v, its own judge: %v", action, op.Open, op.Own)
			}
			if op.Open || op.Own {
				continue
			}
			n++
			if code, message := stranger.askAny(action); code != "AccessDenied" || !strings.HasSuffix(message, "because no identity-based policy allows the "+action+" action") {
				t.Errorf("%s by a stranger: %q %s", action, code, message)
			}
			if code, message := denied.askAny(action); code != "AccessDenied" || !strings.HasSuffix(message, "with an explicit deny in an identity-based policy") {
				t.Errorf("%s by one who is denied: %q %s", action, code, message)
			}
			reads := strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List")
			if code, message := auditor.askAny(action); strings.HasSuffix(message, "because no identity-based policy allows the "+action+" action") == reads || reads == op.Mutates {
				t.Errorf("%s by one who may read: %q %s", action, code, message)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d operations", n)
	}
}
