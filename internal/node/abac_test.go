package node_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestChangesHoldAtOnce: whatever decides about a call, a change of it holds for
// the next one, while others keep every cache full.
func TestChangesHoldAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	created := root.must(t, "CreateKey", "{}")
	id, arn := created.str("KeyMetadata", "KeyId"), created.str("KeyMetadata", "Arn")
	other := root.createKey(t)
	statement := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"` + arn + `","Condition":` + condition + `}}`
	}
	tagged := root.user(t, "tagged", statement(`{"StringEquals":{"aws:ResourceTag/Project":"${aws:PrincipalTag/Project, 'none'}"}}`))
	aliased := root.user(t, "aliased", statement(`{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/app/*"}}`))
	named := root.user(t, "named", statement(`{"StringEquals":{"kms:RequestAlias":"alias/app/one"}}`))
	plain := root.user(t, "plain", "")
	root.role(t, owners, "worker", mayAll)
	starter := root.user(t, "starter", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	session := root.session(starter.ask(t, "sts:AssumeRole", "RoleArn", "arn:aws:iam::"+owners+":role/worker", "RoleSessionName", "session"))
	stranger := f.caller(partners)

	in := object{"KeyId": arn, "Plaintext": []byte("x")}
	tag := func(value string) func() {
		return func() {
			root.must(t, "TagResource", object{"KeyId": id, "Tags": []object{{"TagKey": "Project", "TagValue": value}}})
		}
	}
	userPolicy := func(text string) func() {
		return func() {
			root.ask(t, "iam:PutUserPolicy", "UserName", "plain", "PolicyName", "own", "PolicyDocument", text)
		}
	}
	keyPolicy := func(edit func(string) string) func() {
		text := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + owners + `"},"Action":"kms:*","Resource":"*"}]}`
		return func() { root.must(t, "PutKeyPolicy", object{"KeyId": id, "Policy": edit(text)}) }
	}
	with := func(statement string) func(string) string {
		return func(s string) string { return strings.Replace(s, "}]}", "},"+statement+"]}", 1) }
	}
	same := func(s string) string { return s }
	pointed := func(to string) func() {
		return func() { root.must(t, "UpdateAlias", object{"AliasName": "alias/app/one", "TargetKeyId": to}) }
	}
	root.ask(t, "iam:TagUser", "UserName", "tagged", "Tags.member.1.Key", "Project", "Tags.member.1.Value", "red")
	var grant string
	for _, change := range []struct {
		what    string
		who     caller
		in      object
		on, off func()
	}{
		{"the key's tags", tagged, in, tag("red"), tag("blue")},
		{"the user's tags", tagged, in, func() {
			root.ask(t, "iam:TagUser", "UserName", "tagged", "Tags.member.1.Key", "project", "Tags.member.1.Value", "blue")
		},
			func() { root.ask(t, "iam:UntagUser", "UserName", "tagged", "TagKeys.member.1", "Project") }},
		{"the key's aliases", aliased, in, func() { root.must(t, "CreateAlias", object{"AliasName": "alias/app/one", "TargetKeyId": id}) },
			func() { root.must(t, "DeleteAlias", object{"AliasName": "alias/app/one"}) }},
		{"where an alias points", named, object{"KeyId": "alias/app/one", "Plaintext": []byte("x")}, pointed(id), pointed(other)},
		{"whose alias it is", aliased, in, pointed(id), pointed(other)},
		{"his own policy", plain, in, userPolicy(mayAll), userPolicy(mayElse)},
		{"the key policy, for him", plain, in, keyPolicy(with(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + owners + `:user/plain"},"Action":"kms:Encrypt","Resource":"*"}`)), keyPolicy(same)},
		{"the key policy, for another account", stranger, in, keyPolicy(with(`{"Effect":"Allow","Principal":{"AWS":"` + partners + `"},"Action":"kms:Encrypt","Resource":"*"}`)), keyPolicy(same)},
		{"the role's policy", session, in, func() {
			root.ask(t, "iam:PutRolePolicy", "RoleName", "worker", "PolicyName", "own", "PolicyDocument", mayAll)
		}, func() { root.ask(t, "iam:DeleteRolePolicy", "RoleName", "worker", "PolicyName", "own") }},
		{"a grant", stranger, in, func() {
			grant = root.must(t, "CreateGrant", object{"KeyId": id, "GranteePrincipal": partners, "Operations": []string{"Encrypt"}}).str("GrantId")
		}, func() { root.must(t, "RevokeGrant", object{"KeyId": id, "GrantId": grant}) }},
		{"an access key's status", named, object{"KeyId": "alias/app/one", "Plaintext": []byte("x")},
			func() { pointed(id)(); status(t, root, named, "Active") }, func() { status(t, root, named, "Inactive") }},
		{"the key policy's Deny", root, in, keyPolicy(same), keyPolicy(with(`{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`))},
	} {
		if strings.Contains(change.what, "alias points") {
			root.must(t, "CreateAlias", object{"AliasName": "alias/app/one", "TargetKeyId": other})
		}
		stop := make(chan struct{})
		var load sync.WaitGroup
		for _, who := range []caller{change.who, change.who, root} {
			load.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						who.call("Encrypt", change.in)
					}
				}
			})
		}
		for i := range 5 {
			change.on()
			if got := change.who.call("Encrypt", change.in); got.code != "" {
				t.Errorf("%s, %d, on: %s %s", change.what, i, got.code, got.message)
			}
			change.off()
			if got := change.who.call("Encrypt", change.in); got.code == "" {
				t.Errorf("%s, %d, off: Encrypt succeeds", change.what, i)
			}
		}
		close(stop)
		load.Wait()
	}
}

// status sets the status of a caller's access key.
func status(t *testing.T, root, of caller, to string) {
	t.Helper()
	root.ask(t, "iam:UpdateAccessKey", "UserName", "named", "AccessKeyId", of.accessKey, "Status", to)
}

// TestAnotherOfTheSameName: a user and a role that are deleted and made again
// have nothing of what the key policy gave to those before them.
func TestAnotherOfTheSameName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	first := root.user(t, "heir", "")
	policy := fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%[1]s:user/heir"},"Action":"kms:Encrypt","Resource":"*"}]}`, owners)
	id := root.must(t, "CreateKey", object{"Policy": policy}).str("KeyMetadata", "KeyId")
	in := object{"KeyId": id, "Plaintext": []byte("x")}
	first.must(t, "Encrypt", in)
	root.ask(t, "iam:DeleteAccessKey", "UserName", "heir", "AccessKeyId", first.accessKey)
	if got := first.call("Encrypt", in); got.code != "UnrecognizedClientException" {
		t.Errorf("with a deleted access key: %q", got.code)
	}
	root.ask(t, "iam:DeleteUser", "UserName", "heir")
	second := root.user(t, "heir", "")
	if got := second.call("Encrypt", in); got.code != "AccessDeniedException" {
		t.Errorf("another user of the same name: %q %s", got.code, got.message)
	}
	root.must(t, "PutKeyPolicy", object{"KeyId": id, "Policy": policy}) // means him now
	second.must(t, "Encrypt", in)
}

// TestConditionsOfTime follow the service's clock.
func TestConditionsOfTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	who := root.user(t, "guest", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"`+until+`"},"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}}`)
	who.must(t, "ListKeys", "{}")
	f.ahead.Add(int64(2 * time.Hour))
	if got := who.call("ListKeys", "{}"); got.code != "AccessDeniedException" {
		t.Errorf("an hour too late: %q", got.code)
	}
}
