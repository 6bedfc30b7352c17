package operator

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trent/test/harness"
)

const keysOf = `{"Version":"2012-10-17","Statement":[{"Sid":"%s","Effect":"Allow","Action":"kms:%s","Resource":"*"}]}`

// grantee makes a user who may decrypt by a policy, and one who may by a grant.
func grantee(t *testing.T, s *harness.Server, key string) {
	t.Helper()
	for _, name := range []string{"alice", "clerk"} {
		s.MustQuery(t, harness.Default, "iam", "CreateUser", map[string]string{"UserName": name})
	}
	s.MustQuery(t, harness.Default, "iam", "PutUserPolicy", map[string]string{
		"UserName": "alice", "PolicyName": "Keys", "PolicyDocument": fmt.Sprintf(keysOf, "Mine", "Decrypt"),
	})
	s.Must(t, "CreateGrant", object{
		"KeyId": key, "GranteePrincipal": "arn:aws:iam::" + harness.Account + ":user/clerk", "Operations": []string{"Decrypt"},
		"Constraints": object{"EncryptionContextSubset": object{"file": "a"}}, "Name": "files",
	})
}

// TestPolicyCommands: what each shows to people, and how it ends.
func TestPolicyCommands(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	key, arn := s.CreateKey(t, harness.Default)
	s.Must(t, "CreateAlias", object{"AliasName": "alias/payroll", "TargetKeyId": key})
	grantee(t, s, key)
	explain := "policy explain --key alias/payroll "
	for _, test := range []struct {
		command string
		code    int
		want    []string
	}{
		{explain + "--principal user/alice --action kms:Decrypt", exitOK, []string{"allowed", arn, "Keys of user/alice", `"Mine"`, "->"}},
		{explain + "--principal user/alice --action kms:Encrypt", exitOK, []string{"denied", "AccessDeniedException", "1 about other actions"}},
		{explain + "--principal user/alice --action kms:Encrypt --all", exitOK, []string{"it is not about kms:Encrypt"}},
		{explain + "--principal user/clerk --action kms:Decrypt --context file=a --context n=1", exitOK, []string{"allowed", "The grant ", "files"}},
		{explain + "--principal user/clerk --action kms:Decrypt --context file=b", exitOK, []string{"denied", "its constraint does not hold: EncryptionContextSubset file=a"}},
		{explain + "--principal 000000000000 --action kms:Decrypt", exitOK, []string{"allowed", ":root"}},
		{"policy explain --principal user/alice --account 000000000000 --action kms:CreateKey", exitOK, []string{"denied", "No policy of his"}},
		{explain + "--principal user/bob --action kms:Decrypt", exitRefused, []string{"no such principal"}},
		{explain + "--principal bob --action kms:Decrypt", exitRefused, []string{"want the ARN"}},
		{explain + "--principal user/alice --action Decrypt", exitRefused, []string{"no action"}},
		{explain + "--principal user/alice --action kms:Decrypt --condition aws:Nope=1", exitRefused, []string{"no condition key"}},
		{explain + "--principal user/alice --action kms:Decrypt --condition aws:PrincipalTag/a=b", exitRefused, []string{"only those of a role's session may be supposed"}},
		{explain + "--principal user/alice --action kms:Decrypt --condition aws:SourceIp=notip", exitRefused, []string{"want an address"}},
		{explain + "--principal user/alice --action kms:Decrypt --condition x", exitUsage, []string{"want key=value"}},
		{explain + "--principal user/alice --action kms:Decrypt --context a=1 --context a=2", exitUsage, []string{"each name once"}},
		{explain + "--principal 000000000000 --action kms:DeleteAlias", exitOK, []string{"allowed", ":alias/payroll: His account's root user"}},
		{explain + "--principal user/alice --action kms:DeleteAlias", exitOK, []string{"denied", "on the alias, identity-based policy Keys", "1 about other actions"}},
		{"policy explain --principal user/alice --action kms:CreateAlias --alias alias/new --key " + key, exitOK, []string{"denied", ":alias/new"}},
		{"policy explain --principal 000000000000 --action kms:CreateAlias --key " + key, exitOK, []string{"allowed", "not asked", "Say which with --alias"}},
		{explain + "--principal user/alice --action kms:CreateAlias --alias new", exitRefused, []string{"want alias/NAME"}},
		{explain + "--principal user/alice --action kms:Decrypt --alias alias/new", exitRefused, []string{"not about an alias"}},
		{"policy who --key alias/payroll --action kms:CreateAlias", exitOK, []string{":root", "manage: CreateAlias"}},
		{explain + "--action kms:Decrypt", exitUsage, []string{"--principal is missing"}},
		{explain + "--principal user/alice", exitUsage, []string{"--action is missing"}},
		{"policy who --key alias/payroll", exitOK, []string{"PRINCIPAL", "everything", "Keys of user/alice", "Grantee", "EncryptionContextSubset file=a", "3 principals looked at"}},
		{"policy who --key alias/payroll --action kms:Sign", exitOK, []string{":root", "use: Sign"}},
		{"policy who --key alias/payroll --limit 1", exitOK, []string{"1 principals looked at", "There are more: --after arn:aws:iam::000000000000:root"}},
		{"policy who --key alias/payroll --after arn:aws:iam::000000000000:user/alice", exitOK, []string{"Grantee", "1 principals looked at"}},
		{"policy who --key alias/payroll --after x", exitRefused, []string{"end of the page"}},
		{"policy who --key alias/none", exitRefused, []string{"no such key"}},
		{"policy who", exitUsage, []string{"--key is missing"}},
	} {
		stdout, stderr, code := run(t, append(strings.Fields(test.command), "--socket", socket(s))...)
		shown := stdout + stderr
		if code != test.code {
			t.Errorf("%s: %d, want %d: %s", test.command, code, test.code, stderr)
		}
		for _, want := range test.want {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %q is not in\n%s", test.command, want, shown)
			}
		}
	}
}

// TestWhoPages: pages of any size make the same list.
func TestWhoPages(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	key, _ := s.CreateKey(t, harness.Default)
	grantee(t, s, key)
	for i := range 5 {
		s.MustQuery(t, harness.Default, "iam", "CreateUser", map[string]string{"UserName": fmt.Sprint("User", i)})
		s.MustQuery(t, harness.Default, "iam", "PutUserPolicy", map[string]string{
			"UserName": fmt.Sprint("user", i), "PolicyName": "Keys", "PolicyDocument": fmt.Sprintf(keysOf, "", "*"),
		})
	}
	principals := func(answer object) (all []string) {
		holders, _ := answer["holders"].([]any)
		for _, h := range holders {
			all = append(all, text(h, "principal"))
		}
		return all
	}
	whole := principals(ask(t, s, "policy", "who", "--key", key))
	if len(whole) != 8 {
		t.Errorf("%q", whole)
	}
	for size := 1; size <= 9; size++ {
		var joined []string
		for after := ""; ; {
			args := []string{"policy", "who", "--key", key, "--limit", fmt.Sprint(size)}
			if after != "" {
				args = append(args, "--after", after)
			}
			page := ask(t, s, args...)
			joined = append(joined, principals(page)...)
			if after = text(page, "next"); after == "" {
				break
			}
		}
		if !slices.Equal(joined, whole) {
			t.Errorf("pages of %d: %q, and in one %q", size, joined, whole)
		}
	}
}

// TestPolicyFiles: lint and template ask no server.
func TestPolicyFiles(t *testing.T) {
	t.Parallel()
	template, stderr, code := run(t, "policy", "template", "--admin", "arn:aws:iam::111122223333:user/a", "--user", "arn:aws:iam::444455556666:root")
	if code != exitOK || stderr != "" {
		t.Fatalf("%d, %s", code, stderr)
	}
	good, bad := filepath.Join(t.TempDir(), "good"), filepath.Join(t.TempDir(), "bad")
	for path, text := range map[string]string{good: template, bad: strings.Replace(template, "kms:Encrypt", "kms:Encript", 1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := harness.Start(t)
	s.Must(t, "CreateKey", object{"Policy": strings.NewReplacer("111122223333", harness.Account).Replace(template)})
	for _, test := range []struct {
		command string
		code    int
		want    string
	}{
		{"policy lint " + good, exitOK, "errors: 0, warnings: 0, notes: 0"},
		{"policy lint " + bad, exitFailure, "perhaps kms:Encrypt is meant"},
		{"policy lint --output json " + bad, exitFailure, `"rule": "unknown-action"`},
		{"policy lint --kind identity " + good, exitFailure, "it has a principal"},
		{"policy lint --kind x " + good, exitUsage, "want one of key, identity"},
		{"policy lint --account 1 " + good, exitUsage, "12 digits"},
		{"policy lint", exitUsage, "want one file"},
		{"policy lint /none", exitFailure, "no such file"},
		{"policy template", exitUsage, "--account"},
		{"policy template --admin alice", exitUsage, "want ARNs"},
		{"policy template --admin arn:aws:iam::111122223333:group/g", exitUsage, "not one of a user"},
		{"policy template --account 111122223333 --usage X", exitUsage, "want one of ENCRYPT_DECRYPT"},
		{"policy template --account 111122223333 --usage SIGN_VERIFY --user arn:aws:iam::111122223333:role/r", exitOK, "kms:Sign"},
	} {
		stdout, stderr, code := run(t, strings.Fields(test.command)...)
		if code != test.code || !strings.Contains(stdout+stderr, test.want) {
			t.Errorf("%s: %d, want %d and %q\n%s%s", test.command, code, test.code, test.want, stdout, stderr)
		}
	}
}

// TestExplainIsTrue: what is explained is what happens, for users, sessions and
// strangers, in and out of their encryption context.
func TestExplainIsTrue(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	own, far := "arn:aws:iam::"+harness.Account+":", "arn:aws:iam::444455556666:"
	policy := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"` + harness.Account + `"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":["` + own + `role/App","` + far + `root"]},"Action":["kms:Encrypt","kms:GenerateDataKey"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:file":"a"}}},
		{"Effect":"Deny","Principal":"*","Action":"kms:GenerateDataKey","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"never"}}}]}`
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + own + `user/alice"},"Action":"sts:AssumeRole"}]}`
	who := map[string]harness.Who{"arn:aws:iam::" + harness.Account + ":root": harness.Default}
	user := func(root harness.Who, arn string) harness.Who {
		_, name, _ := strings.Cut(arn, "user/")
		answer := s.MustQuery(t, root, "iam", "CreateAccessKey", map[string]string{"UserName": name})
		return harness.Who{AccessKey: within(answer, "AccessKeyId"), SecretKey: within(answer, "SecretAccessKey"), Region: harness.Region}
	}
	stranger := harness.Who{AccessKey: "444455556666", SecretKey: harness.SecretKey, Region: harness.Region}
	created := s.Must(t, "CreateKey", object{"Policy": policy, "BypassPolicyLockoutSafetyCheck": true})
	key := text(created, "KeyMetadata", "KeyId")
	grantee(t, s, key)
	s.MustQuery(t, harness.Default, "iam", "CreateRole", map[string]string{"RoleName": "App", "AssumeRolePolicyDocument": trust})
	s.MustQuery(t, stranger, "iam", "CreateUser", map[string]string{"UserName": "eve"})
	s.MustQuery(t, stranger, "iam", "CreateUser", map[string]string{"UserName": "mallory"})
	s.MustQuery(t, stranger, "iam", "PutUserPolicy", map[string]string{"UserName": "eve", "PolicyName": "Keys", "PolicyDocument": fmt.Sprintf(keysOf, "", "*")})
	who[own+"user/alice"], who[own+"user/clerk"] = user(harness.Default, own+"user/alice"), user(harness.Default, own+"user/clerk")
	who[far+"user/eve"], who[far+"user/mallory"] = user(stranger, far+"user/eve"), user(stranger, far+"user/mallory")
	session := s.MustQuery(t, who[own+"user/alice"], "sts", "AssumeRole", map[string]string{"RoleArn": own + "role/App", "RoleSessionName": "test"})
	who[own+"role/App"] = harness.Who{AccessKey: within(session, "AccessKeyId"), SecretKey: within(session, "SecretAccessKey"), Region: harness.Region}
	allowed, denied := 0, 0
	for arn, caller := range who {
		sign := func(r *http.Request) {
			if arn == own+"role/App" {
				r.Header.Set("X-Amz-Security-Token", within(session, "SessionToken"))
			}
		}
		for operation, more := range map[string]object{"Encrypt": {"Plaintext": "aGk="}, "GenerateDataKey": {"KeySpec": "AES_256"}, "DescribeKey": nil, "GetKeyPolicy": nil, "ListGrants": nil} {
			for _, context := range []object{nil, {"file": "a"}, {"file": "b"}, {"file": "a", "never": "x"}} {
				in := object{"KeyId": text(created, "KeyMetadata", "Arn")}
				args := []string{"policy", "explain", "--principal", arn, "--action", "kms:" + operation, "--key", key}
				if more == nil && context != nil {
					continue
				}
				for name, value := range more {
					in[name], in["EncryptionContext"] = value, context
				}
				for name, value := range context {
					args = append(args, "--context", fmt.Sprint(name, "=", value))
				}
				if context == nil {
					delete(in, "EncryptionContext")
				}
				says, _ := ask(t, s, args...)["allowed"].(bool)
				res := s.Do(t, harness.Request{Operation: operation, Body: harness.Marshal(in), Who: caller, Before: sign})
				if does := res.Type != "AccessDeniedException"; does != says {
					t.Errorf("%s, %s, %v: explained as %v, and %d %s %s", arn, operation, context, says, res.Status, res.Type, res.Message)
				} else if does {
					allowed++
				} else {
					denied++
				}
			}
		}
	}
	if allowed < 10 || denied < 10 {
		t.Errorf("the test shows nothing: %d allowed, %d denied", allowed, denied)
	}
}

// within is the text of an element of an XML answer.
func within(answer, element string) string {
	_, rest, _ := strings.Cut(answer, "<"+element+">")
	value, _, _ := strings.Cut(rest, "</"+element+">")
	return value
}
