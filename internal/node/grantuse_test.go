package node_test

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
	"trent/internal/quota"
)

const (
	others       = "444455556666"
	accessDenied = "AccessDeniedException"
	keyOf        = "arn:aws:kms:eu-west-1:" + owners + ":key/"
	userOf       = "arn:aws:iam::" + owners + ":user/"
	assumes      = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`
	allowAll     = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`
)

// get calls and fails the test unless it ends with a code; "" is success.
func (c caller) get(t *testing.T, code, op string, in object) answer {
	t.Helper()
	a := c.call(op, in)
	if a.code != code {
		t.Errorf("%s %v: %q %q, want %q", op, in, a.code, a.message, code)
	}
	return a
}

// grant makes a grant on a key. more are further parameters.
func (c caller) grant(t *testing.T, key, grantee string, more object, operations ...string) answer {
	t.Helper()
	in := object{"KeyId": key, "GranteePrincipal": grantee, "Operations": operations}
	for name, value := range more {
		in[name] = value
	}
	return c.must(t, "CreateGrant", in)
}

// assume begins a session of a role.
func (c caller) assume(t *testing.T, role, session string) caller {
	t.Helper()
	return c.session(c.ask(t, "sts:AssumeRole", "RoleArn", role, "RoleSessionName", session))
}

// TestAttachAndDetach is what a service such as Amazon EBS does with a grant for
// each resource: at the attachment of an encrypted volume it has a grant made for
// its role, bound to the volume by the encryption context; it uses the volume's
// data key through it, hands a narrower grant on to the host, and at the
// detachment retires both. Nobody needs a policy about the key for that, and no
// grant is of use for another volume.
func TestAttachAndDetach(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	key := root.createKey(t)
	root.role(t, owners, "ebs", "")
	host := root.user(t, "host", "")
	service := root.user(t, "assumer", assumes).assume(t, "arn:aws:iam::"+owners+":role/ebs", "i-1234567890abcdef0")
	volume := func(id string) object { return object{"aws:ebs:id": id} }
	use := func(c caller, code, op string, context object, more object) answer {
		t.Helper()
		in := object{"EncryptionContext": context}
		for name, value := range more {
			in[name] = value
		}
		return c.get(t, code, op, in)
	}
	make := object{"KeyId": key, "KeySpec": "AES_256"}
	use(service, accessDenied, "GenerateDataKeyWithoutPlaintext", volume("vol-1"), make)

	attached := map[string]answer{}
	data := map[string]string{}
	for _, id := range []string{"vol-1", "vol-2"} {
		attached[id] = root.grant(t, key, "arn:aws:iam::"+owners+":role/ebs", object{
			"Constraints": object{"EncryptionContextSubset": volume(id)}, "Name": "attach-" + id,
		}, "Decrypt", "GenerateDataKeyWithoutPlaintext", "CreateGrant", "RetireGrant", "DescribeKey")
		data[id] = use(service, "", "GenerateDataKeyWithoutPlaintext", volume(id), make).str("CiphertextBlob")
	}
	use(service, accessDenied, "GenerateDataKeyWithoutPlaintext", volume("vol-3"), make)
	use(service, accessDenied, "GenerateDataKeyWithoutPlaintext", nil, make)
	use(service, accessDenied, "GenerateDataKey", volume("vol-1"), make) // an operation that was not granted
	service.get(t, "", "DescribeKey", object{"KeyId": keyOf + key})

	// The service hands on what the host needs, and cannot hand on more.
	child := object{"KeyId": key, "GranteePrincipal": userOf + "host", "RetiringPrincipal": "arn:aws:iam::" + owners + ":role/ebs",
		"Operations": []string{"Decrypt"}, "Constraints": object{"EncryptionContextEquals": volume("vol-1")}}
	for name, wrong := range map[string]any{
		"Operations": []string{"Decrypt", "Encrypt"}, "Constraints": object{"EncryptionContextEquals": volume("vol-3")}, "": nil,
	} {
		in := object{}
		for k, v := range child {
			in[k] = v
		}
		if in[name] = wrong; name == "" {
			delete(in, name)
			delete(in, "Constraints")
		}
		service.get(t, accessDenied, "CreateGrant", in)
	}
	open := func(c caller, code, id string) {
		t.Helper()
		use(c, code, "Decrypt", volume(id), object{"CiphertextBlob": data[id]})
	}
	open(host, accessDenied, "vol-1")
	handed := service.get(t, "", "CreateGrant", child)
	open(host, "", "vol-1")
	open(host, accessDenied, "vol-2")
	host.get(t, accessDenied, "RetireGrant", object{"GrantToken": handed.str("GrantToken")})

	// Detachment.
	service.get(t, "", "RetireGrant", object{"GrantToken": handed.str("GrantToken")})
	open(host, accessDenied, "vol-1")
	open(service, "", "vol-1")
	service.get(t, "", "RetireGrant", object{"KeyId": keyOf + key, "GrantId": attached["vol-1"].str("GrantId")})
	open(service, accessDenied, "vol-1")
	open(service, "", "vol-2")
	if left := root.grantsOf(t, object{"KeyId": key}); len(left) != 1 || left[0] != attached["vol-2"].str("GrantId") {
		t.Errorf("there are left %v", left)
	}
}

// TestGrantToAService: a grant to a service principal is stored with its
// resource, and gives nothing to any user, role or account: no caller is a service.
func TestGrantToAService(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	key := root.createKey(t)
	const source = "arn:aws:dynamodb:eu-west-1:" + owners + ":table/t"
	in := object{"KeyId": key, "GranteeServicePrincipal": "dynamodb.amazonaws.com", "RetiringServicePrincipal": "dynamodb.amazonaws.com",
		"Operations": []string{"Decrypt", "DescribeKey", "RetireGrant"}, "Constraints": object{"SourceArn": source}}
	made := root.must(t, "CreateGrant", in)
	entry := root.must(t, "ListGrants", object{"KeyId": key}).body["Grants"].([]any)[0].(object)
	if entry["GranteeServicePrincipal"] != "dynamodb.amazonaws.com" || entry["RetiringServicePrincipal"] != "dynamodb.amazonaws.com" ||
		entry["GranteePrincipal"] != nil || entry["RetiringPrincipal"] != nil || entry["Constraints"].(object)["SourceArn"] != source {
		t.Errorf("it is listed as %v", entry)
	}
	user := root.user(t, "u", "")
	user.get(t, accessDenied, "DescribeKey", object{"KeyId": key})
	user.get(t, accessDenied, "RetireGrant", object{"GrantToken": made.str("GrantToken")})
	root.get(t, "", "RetireGrant", object{"GrantToken": made.str("GrantToken")}) // the account that issued it
}

// TestGrantsAcrossAccounts: a grant to a user of another account is enough; one to
// the account leaves it to its policies.
func TestGrantsAcrossAccounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root, foreign := f.caller(owners), f.caller(others)
	key := root.createKey(t)
	foreign.must(t, "ListKeys", object{}) // which makes the account
	direct, without, with := foreign.user(t, "direct", ""), foreign.user(t, "without", ""), foreign.user(t, "with", allowAll)
	encrypt := object{"KeyId": keyOf + key, "Plaintext": "c2VjcmV0"}
	for _, c := range []caller{foreign, direct, without, with} {
		c.get(t, accessDenied, "Encrypt", encrypt)
	}
	root.grant(t, key, "arn:aws:iam::"+others+":user/direct", nil, "Encrypt", "CreateGrant")
	direct.get(t, "", "Encrypt", encrypt)
	direct.get(t, accessDenied, "GenerateDataKey", object{"KeyId": keyOf + key, "KeySpec": "AES_256"})
	made := direct.get(t, "", "CreateGrant", object{"KeyId": keyOf + key, "GranteePrincipal": others, "Operations": []string{"Encrypt"}})
	foreign.get(t, "", "Encrypt", encrypt)
	with.get(t, "", "Encrypt", encrypt)
	without.get(t, accessDenied, "Encrypt", encrypt)
	entry := root.must(t, "ListGrants", object{"KeyId": key, "GrantId": made.str("GrantId")}).body["Grants"].([]any)[0].(object)
	if entry["IssuingAccount"] != "arn:aws:iam::"+others+":root" || entry["GranteePrincipal"] != "arn:aws:iam::"+others+":root" {
		t.Errorf("the other account's grant: %v", entry)
	}
	without.get(t, accessDenied, "RetireGrant", object{"GrantToken": made.str("GrantToken")})
	with.get(t, "", "RetireGrant", object{"KeyId": keyOf + key, "GrantId": made.str("GrantId")}) // his account issued it
	foreign.get(t, accessDenied, "Encrypt", encrypt)
	// Of another account's key, unknown and forbidden are the same.
	unknown := object{"KeyId": keyOf + key, "GrantId": made.str("GrantId")}
	without.get(t, accessDenied, "RetireGrant", unknown)
	without.get(t, accessDenied, "RetireGrant", object{"KeyId": keyOf + key, "GrantId": "none"})
}

// TestWhoMayRetire: whom the grant names, and the accounts by their policies; a
// policy that denies it is stronger.
func TestWhoMayRetire(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	key := root.createKey(t)
	on := func(effect, action, context string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"` + effect + `","Action":"` + action + `","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:a":"` + context + `"}}}}`
	}
	for name, test := range map[string]struct{ policy, code string }{
		"grantee":          {"", accessDenied},
		"retiring":         {"", ""},
		"retiring-denied":  {on("Deny", "kms:RetireGrant", "1"), accessDenied},
		"stranger":         {"", accessDenied},
		"admin":            {allowAll, ""},
		"admin-of-context": {on("Allow", "kms:RetireGrant", "1"), ""},
		"admin-of-others":  {on("Allow", "kms:RetireGrant", "2"), accessDenied},
		"revoker":          {on("Allow", "kms:RevokeGrant", "1"), accessDenied},
	} {
		user := root.user(t, name, test.policy)
		in := object{"Constraints": object{"EncryptionContextSubset": object{"a": "1"}}}
		if strings.HasPrefix(name, "retiring") {
			in["RetiringPrincipal"] = userOf + name
		}
		grantee := "arn:aws:iam::" + owners + ":role/nobody"
		if name == "grantee" {
			grantee = userOf + name
		}
		made := root.grant(t, key, grantee, in, "Decrypt")
		user.get(t, test.code, "RetireGrant", object{"GrantToken": made.str("GrantToken")})
	}
	grantee := root.user(t, "allowed", "")
	made := root.grant(t, key, userOf+"allowed", nil, "Decrypt", "RetireGrant")
	grantee.get(t, "", "RetireGrant", object{"KeyId": key, "GrantId": made.str("GrantId")})
}

// TestReEncryptThroughGrants: each side has its operation.
func TestReEncryptThroughGrants(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	from, to := root.createKey(t), root.createKey(t)
	user := root.user(t, "u", "")
	blob := root.must(t, "Encrypt", object{"KeyId": from, "Plaintext": "c2VjcmV0", "EncryptionContext": object{"a": "1"}}).str("CiphertextBlob")
	in := object{"CiphertextBlob": blob, "SourceEncryptionContext": object{"a": "1"}, "DestinationKeyId": to, "DestinationEncryptionContext": object{"b": "2"}}
	user.get(t, accessDenied, "ReEncrypt", in)
	root.grant(t, from, userOf+"u", object{"Constraints": object{"EncryptionContextEquals": object{"a": "1"}}}, "ReEncryptFrom")
	root.grant(t, to, userOf+"u", object{"Constraints": object{"EncryptionContextEquals": object{"a": "1"}}}, "ReEncryptTo")
	user.get(t, accessDenied, "ReEncrypt", in) // the destination's context is another
	root.grant(t, to, userOf+"u", object{"Constraints": object{"EncryptionContextSubset": object{"b": "2"}}}, "ReEncryptTo")
	user.get(t, "", "ReEncrypt", in)
	user.get(t, accessDenied, "Decrypt", object{"CiphertextBlob": blob, "EncryptionContext": object{"a": "1"}})
}

// TestGrantOfAnotherPrincipal: a role that is deleted and made again under its
// name has nothing of the first one's grants.
func TestGrantOfAnotherPrincipal(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	key := root.createKey(t)
	const role = "arn:aws:iam::" + owners + ":role/r"
	describe := object{"KeyId": key}
	root.role(t, owners, "r", "")
	assumer := root.user(t, "assumer", assumes)
	root.grant(t, key, role, object{"RetiringPrincipal": role}, "DescribeKey")
	assumer.assume(t, role, "any").get(t, "", "DescribeKey", describe)
	root.ask(t, "iam:DeleteRole", "RoleName", "r")
	root.role(t, owners, "r", "")
	assumer.assume(t, role, "any").get(t, accessDenied, "DescribeKey", describe)
	if got := root.must(t, "ListRetirableGrants", object{"RetiringPrincipal": role}).body["Grants"].([]any); len(got) != 0 {
		t.Errorf("the new role may retire %v", got)
	}
	again := root.grant(t, key, role, nil, "DescribeKey")
	assumer.assume(t, role, "any").get(t, "", "DescribeKey", describe)
	session := assumer.assume(t, role, "one")
	root.must(t, "RevokeGrant", object{"KeyId": key, "GrantId": again.str("GrantId")})
	session.get(t, accessDenied, "DescribeKey", describe)
	root.grant(t, key, "arn:aws:sts::"+owners+":assumed-role/r/one", nil, "DescribeKey")
	session.get(t, "", "DescribeKey", describe)
	assumer.assume(t, role, "two").get(t, accessDenied, "DescribeKey", describe)
}

// TestGrantQuota: of many at once, as many are made as there is room for.
func TestGrantQuota(t *testing.T) {
	t.Parallel()
	const limit, before, atOnce = 20, 11, 16
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) { c.Limits = quota.Limits{GrantsPerKey: limit} })
	c := f.caller(owners)
	key := c.createKey(t)
	in := func(name string) object {
		return object{"KeyId": key, "GranteePrincipal": someRole, "Operations": []string{"Decrypt"}, "Name": name}
	}
	var first string
	for i := range before {
		first = c.must(t, "CreateGrant", in("before"+strings.Repeat("x", i))).str("GrantId")
	}
	var all sync.WaitGroup
	var made, refused atomic.Int32
	for i := range atOnce {
		all.Go(func() {
			switch got := c.call("CreateGrant", in("at-once"+strings.Repeat("x", i))); got.code {
			case "":
				made.Add(1)
			case "LimitExceededException":
				refused.Add(1)
			default:
				t.Errorf("%s %s", got.code, got.message)
			}
		})
	}
	all.Wait()
	if made.Load() != limit-before || refused.Load() != atOnce-(limit-before) {
		t.Errorf("%d are made and %d refused", made.Load(), refused.Load())
	}
	if n := len(c.grantsOf(t, object{"KeyId": key})); n != limit {
		t.Errorf("the key has %d grants", n)
	}
	// One that is there needs no room.
	again := c.must(t, "CreateGrant", in("before"+strings.Repeat("x", before-1)))
	if again.str("GrantId") != first {
		t.Error("a grant that is there is another one")
	}
	c.must(t, "RevokeGrant", object{"KeyId": key, "GrantId": first})
	c.must(t, "CreateGrant", in("one-more"))
}

// TestSameNameAtOnce: sixteen retries of one request make one grant.
func TestSameNameAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller(owners)
	key := c.createKey(t)
	ids := make(chan string, 16)
	var all sync.WaitGroup
	for range cap(ids) {
		all.Go(func() {
			ids <- c.call("CreateGrant", object{"KeyId": key, "GranteePrincipal": someRole, "Operations": []string{"Decrypt"}, "Name": "retried"}).str("GrantId")
		})
	}
	all.Wait()
	close(ids)
	first := <-ids
	for id := range ids {
		if id != first || id == "" {
			t.Errorf("the grants %q and %q", first, id)
		}
	}
}

// TestRevokedUnderLoad: while a grantee decrypts on many connections, no call
// that starts after RevokeGrant or RetireGrant returned succeeds, and none fails
// before.
func TestRevokedUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	key := root.createKey(t)
	user := root.user(t, "u", "")
	blob := root.must(t, "Encrypt", object{"KeyId": key, "Plaintext": "c2VjcmV0"}).str("CiphertextBlob")
	in, err := json.Marshal(object{"CiphertextBlob": blob})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 6 {
		made := root.grant(t, key, userOf+"u", nil, "Decrypt")
		var ending, ended atomic.Bool
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 40 {
					over := ended.Load()
					got := user.call("Decrypt", string(in))
					switch {
					case over && got.code != accessDenied:
						t.Errorf("round %d, after the end: %q", round, got.code)
					case !ending.Load() && got.code != "":
						t.Errorf("round %d, before the end: %q %q", round, got.code, got.message)
					}
				}
			})
		}
		ending.Store(true)
		if round%2 == 0 {
			root.must(t, "RevokeGrant", object{"KeyId": key, "GrantId": made.str("GrantId")})
		} else {
			root.must(t, "RetireGrant", object{"GrantToken": made.str("GrantToken")})
		}
		ended.Store(true)
		all.Wait()
	}
}
