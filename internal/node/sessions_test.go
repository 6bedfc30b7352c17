package node_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// company is an account with a user who may assume its roles, of which the
// first may assume the second.
type company struct {
	*fixture
	root, bob actor
	key       string
}

const (
	firstRole  = ourARN + "role/first"
	secondRole = ourARN + "role/app/second"
)

func newCompany(t testing.TB) *company {
	t.Helper()
	f := newFixture(t)
	c := &company{fixture: f, root: f.root(ours), bob: f.user(t, ours, "bob")}
	c.key = c.root.kms("CreateKey", object{}).str("KeyMetadata", "Arn")
	c.root.ok(t, "PutUserPolicy", "UserName", "bob", "PolicyName", "p", "PolicyDocument", allowing("sts:*", "*"))
	c.root.ok(t, "CreateRole", "RoleName", "first", "AssumeRolePolicyDocument", trusting(ours), "MaxSessionDuration", "7200")
	c.root.ok(t, "CreateRole", "RoleName", "second", "Path", "/app/", "AssumeRolePolicyDocument", trusting(ours), "MaxSessionDuration", "7200")
	c.root.ok(t, "PutRolePolicy", "RoleName", "first", "PolicyName", "p", "PolicyDocument", `{"Version":"2012-10-17","Statement":[`+
		`{"Effect":"Allow","Action":["kms:Encrypt","kms:DescribeKey","iam:ListUsers"],"Resource":"*"},{"Effect":"Allow","Action":"sts:*","Resource":"`+secondRole+`"}]}`)
	return c
}

func (c *company) assume(t testing.TB, who actor, role string, more ...string) actor {
	t.Helper()
	return who.with(who.ok(t, "AssumeRole", append([]string{"RoleArn", role, "RoleSessionName", "run"}, more...)...))
}

// may reports whether an actor may encrypt, and fails on anything but a refusal.
func (c *company) may(t testing.TB, who actor) bool {
	t.Helper()
	a := who.kms("Encrypt", object{"KeyId": c.key, "Plaintext": []byte("x")})
	if a.code != "" && a.code != "AccessDeniedException" {
		t.Fatalf("%+v", a)
	}
	return a.code == ""
}

func TestAssumedRole(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	a := c.bob.ok(t, "AssumeRole", "RoleArn", firstRole, "RoleSessionName", "run")
	session := c.bob.with(a)
	if !strings.HasPrefix(session.accessKey, "ASIA") || a.one("Arn") != "arn:aws:sts::"+ours+":assumed-role/first/run" ||
		!strings.HasSuffix(a.one("AssumedRoleId"), ":run") || strings.Contains(a.body, "PackedPolicySize") || strings.Contains(a.body, "SourceIdentity") {
		t.Error(a.body)
	}
	expires, err := time.Parse(time.RFC3339, a.one("Expiration"))
	if left := time.Until(expires); err != nil || left < 55*time.Minute || left > time.Hour {
		t.Errorf("%v, %v", expires, err)
	}
	me := session.ok(t, "GetCallerIdentity")
	if me.one("Arn") != a.one("Arn") || me.one("UserId") != a.one("AssumedRoleId") || me.one("Account") != ours {
		t.Error(me.body)
	}
	if !c.may(t, session) || c.may(t, c.bob) {
		t.Error("the role's policies do not decide")
	}
	session.ok(t, "ListUsers")
	stolen := session
	stolen.token = ""
	if got := stolen.kms("DescribeKey", object{"KeyId": c.key}); got.code != "UnrecognizedClientException" {
		t.Errorf("without its token: %+v", got)
	}
	stolen.token = c.assume(t, c.bob, firstRole).token
	if got := stolen.kms("DescribeKey", object{"KeyId": c.key}); got.code != "UnrecognizedClientException" {
		t.Errorf("with another's token: %+v", got)
	}
	mixed := c.bob
	mixed.token = session.token
	mixed.refused(t, "InvalidClientTokenId", "The security token included in the request is invalid.", "GetCallerIdentity")

	c.root.ok(t, "DeleteRolePolicy", "RoleName", "first", "PolicyName", "p")
	if c.may(t, session) {
		t.Error("the role's policy is gone, and it still decides")
	}
	c.root.ok(t, "DeleteRole", "RoleName", "first")
	session.refused(t, "InvalidClientTokenId", "The security token included in the request is invalid.", "GetCallerIdentity")
	c.root.ok(t, "CreateRole", "RoleName", "first", "AssumeRolePolicyDocument", trusting(ours))
	session.refused(t, "InvalidClientTokenId", "The security token included in the request is invalid.", "GetCallerIdentity")
}

func TestSessionPolicies(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.root.ok(t, "CreatePolicy", "PolicyName", "encrypt", "PolicyDocument", allowing("kms:Encrypt", "*"))
	c.root.ok(t, "CreatePolicy", "PolicyName", "list", "PolicyDocument", allowing("kms:ListKeys", "*"))
	for name, test := range map[string]struct {
		params []string
		may    bool
	}{
		"none":              {nil, true},
		"inline":            {[]string{"Policy", allowing("kms:Encrypt", c.key)}, true},
		"inline, another":   {[]string{"Policy", allowing("kms:Decrypt", "*")}, false},
		"inline, wider":     {[]string{"Policy", allowing("*", "*")}, true},
		"managed":           {[]string{"PolicyArns.member.1.arn", ourARN + "policy/encrypt"}, true},
		"managed, another":  {[]string{"PolicyArns.member.1.arn", ourARN + "policy/list"}, false},
		"inline or managed": {[]string{"Policy", allowing("kms:Decrypt", "*"), "PolicyArns.member.1.arn", ourARN + "policy/encrypt"}, true},
	} {
		a := c.bob.ok(t, "AssumeRole", append([]string{"RoleArn", firstRole, "RoleSessionName", "run"}, test.params...)...)
		session := c.bob.with(a)
		if c.may(t, session) != test.may {
			t.Errorf("%s: may encrypt: %v", name, !test.may)
		}
		if (a.one("PackedPolicySize") != "") != (len(test.params) > 0) {
			t.Errorf("%s: %s", name, a.body)
		}
		if session.kms("GetPublicKey", object{"KeyId": c.key}).code != "AccessDeniedException" {
			t.Errorf("%s: a session policy gives what the role does not have", name)
		}
	}
	// A managed session policy that is gone denies everything.
	session := c.assume(t, c.bob, firstRole, "PolicyArns.member.1.arn", ourARN+"policy/encrypt")
	c.root.ok(t, "DeletePolicy", "PolicyArn", ourARN+"policy/encrypt")
	if c.may(t, session) {
		t.Error("the session policy is gone, and the session may do more")
	}
}

// TestSessionTagsAndChains: tags decide, transitive ones and the source identity
// pass on to the next role of a chain, which lives no longer than an hour.
func TestSessionTagsAndChains(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.root.ok(t, "TagRole", "RoleName", "second", "Tags.member.1.Key", "Dept", "Tags.member.1.Value", "role", "Tags.member.2.Key", "Site", "Tags.member.2.Value", "A")
	c.root.ok(t, "PutRolePolicy", "RoleName", "second", "PolicyName", "p", "PolicyDocument", allowing("kms:Encrypt", "*",
		`,"Condition":{"StringEquals":{"aws:PrincipalTag/dept":"hr","aws:PrincipalTag/Site":"A","aws:SourceIdentity":"carol"}}`))
	tagged := []string{
		"SourceIdentity", "carol", "Tags.member.1.Key", "DEPT", "Tags.member.1.Value", "hr", "Tags.member.2.Key", "own", "Tags.member.2.Value", "1",
		"TransitiveTagKeys.member.1", "dept",
	}
	first := c.assume(t, c.bob, firstRole, tagged...)
	second := c.assume(t, first, secondRole)
	if !c.may(t, second) {
		t.Error("what is transitive does not reach the second session")
	}
	if c.may(t, c.assume(t, c.bob, secondRole, "Tags.member.1.Key", "Dept", "Tags.member.1.Value", "it", "SourceIdentity", "carol")) {
		t.Error("a session tag does not hide the role's")
	}
	if c.may(t, c.assume(t, c.bob, secondRole, "Tags.member.1.Key", "Dept", "Tags.member.1.Value", "hr")) {
		t.Error("a session without a source identity has one")
	}
	chain := func(more ...string) []string {
		return append([]string{"RoleArn", secondRole, "RoleSessionName", "run"}, more...)
	}
	const invalid, validation = "InvalidParameterValue", "ValidationError"
	for _, bad := range []struct {
		who           actor
		code, message string
		params        []string
	}{
		{first, invalid, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.", chain("Tags.member.1.Key", "Dept", "Tags.member.1.Value", "it")},
		{first, validation, "The source identity is already set for this assume role session", chain("SourceIdentity", "dave")},
		{first, validation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", chain("DurationSeconds", "3601")},
		{c.bob, validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", chain("DurationSeconds", "7201")},
		{c.bob, validation, "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900", chain("DurationSeconds", "899")},
		{c.bob, validation, `1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`, []string{"RoleArn", secondRole, "RoleSessionName", "a b"}},
		{c.bob, validation, `1 validation error detected: Value 'a b' at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@:\/-]*`, chain("ExternalId", "a b")},
		{c.bob, validation, "1 validation error detected: Value 'a' at 'sourceIdentity' failed to satisfy constraint: Member must have length greater than or equal to 2", chain("SourceIdentity", "a")},
		{c.bob, validation, "1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null", []string{"RoleArn", secondRole}},
		{c.bob, validation, "The parameter ProvidedContexts.member.1.ProviderArn is unknown, misplaced, or has no effect here yet.", chain("ProvidedContexts.member.1.ProviderArn", "x")},
		{c.bob, "MalformedPolicyDocument", "The role's account has no managed policy " + ourARN + "policy/none", chain("PolicyArns.member.1.arn", ourARN+"policy/none")},
		{c.bob, invalid, "Tag keys that begin with aws: are reserved for system use.", chain("Tags.member.1.Key", "AWS:x", "Tags.member.1.Value", "1")},
		{c.bob, invalid, "Duplicate tag keys found. Please note that Tag keys are case insensitive.", chain("Tags.member.1.Key", "a", "Tags.member.1.Value", "1", "Tags.member.2.Key", "A", "Tags.member.2.Value", "1")},
		{c.bob, invalid, "The specified transitive tag key must be included in the requested tags.", chain("TransitiveTagKeys.member.1", "a")},
		{c.bob, "UnsupportedOperation", "Trent does not support the parameter SerialNumber of AssumeRole yet.", chain("SerialNumber", "arn:aws:iam::111122223333:mfa/bob")},
		{c.bob, "UnsupportedOperation", "Trent does not support the parameter TokenCode of AssumeRole yet.", chain("TokenCode", "123456")},
		{c.bob, validation, "not-an-arn-at-all-but-long is invalid", []string{"RoleArn", "not-an-arn-at-all-but-long", "RoleSessionName", "run"}},
		{c.bob, "MalformedPolicyDocument", "Policy document should not specify a principal.", chain("Policy", trusting(ours))},
		{c.bob, "PackedPolicyTooLarge", "Packed size of session tags consumes 124% of allotted space.", chain(manyTags(40)...)},
	} {
		bad.who.refused(t, bad.code, bad.message, "AssumeRole", bad.params...)
	}
	first.ok(t, "AssumeRole", chain("SourceIdentity", "carol", "DurationSeconds", "3600")...)
	c.bob.ok(t, "AssumeRole", chain("DurationSeconds", "7200")...)
}

// manyTags are tags of 126 bytes each.
func manyTags(n int) (params []string) {
	for i := range n {
		key := fmt.Sprintf("Tags.member.%d.", i+1)
		params = append(params, key+"Key", fmt.Sprintf("k%05d", i), key+"Value", strings.Repeat("v", 120))
	}
	return params
}

// TestAssumeRoleConditions: what a trust policy can ask for, and that tags and a
// source identity, inherited ones too, are permissions of their own.
func TestAssumeRoleConditions(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	trust := func(action, condition string) {
		t.Helper()
		c.root.ok(t, "UpdateAssumeRolePolicy", "RoleName", "second", "PolicyDocument",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+ours+`"},"Action":`+action+`,"Condition":{`+condition+`}}]}`)
	}
	call := func(who actor, more ...string) string {
		return who.do("AssumeRole", append([]string{"RoleArn", secondRole, "RoleSessionName", "run"}, more...)...).message
	}
	denied := func(who, action string) string {
		return "User: " + who + " is not authorized to perform: " + action + " on resource: " + secondRole
	}
	const bob, first = ourARN + "user/bob", "arn:aws:sts::" + ours + ":assumed-role/first/run"
	tag := []string{"Tags.member.1.Key", "Dept", "Tags.member.1.Value", "hr"}
	transitive := append(tag, "TransitiveTagKeys.member.1", "Dept")
	for _, test := range []struct {
		action, condition string
		who               actor
		params            []string
		want              string
	}{
		{`"sts:AssumeRole"`, `"StringEquals":{"sts:ExternalId":"x/1"}`, c.bob, []string{"ExternalId", "x/1"}, ""},
		{`"sts:AssumeRole"`, `"StringEquals":{"sts:ExternalId":"x/1"}`, c.bob, []string{"ExternalId", "x/2"}, denied(bob, "sts:AssumeRole")},
		{`"sts:AssumeRole"`, `"StringEquals":{"sts:ExternalId":"x/1"}`, c.bob, nil, denied(bob, "sts:AssumeRole")},
		{`"sts:AssumeRole"`, `"StringLike":{"sts:RoleSessionName":"r*"}`, c.bob, nil, ""},
		{`"sts:AssumeRole"`, `"StringLike":{"sts:RoleSessionName":"${aws:username}"}`, c.bob, nil, denied(bob, "sts:AssumeRole")},
		{`"sts:AssumeRole"`, ``, c.bob, tag, denied(bob, "sts:TagSession")},
		{`["sts:AssumeRole","sts:TagSession"]`, ``, c.bob, tag, ""},
		{`["sts:AssumeRole","sts:TagSession"]`, `"StringEquals":{"aws:RequestTag/dept":"hr"}`, c.bob, tag, ""},
		{`["sts:AssumeRole","sts:TagSession"]`, `"StringEquals":{"aws:RequestTag/dept":"it"}`, c.bob, tag, denied(bob, "sts:AssumeRole")},
		{`["sts:AssumeRole","sts:TagSession"]`, `"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["Site"]}`, c.bob, transitive, denied(bob, "sts:AssumeRole")},
		{`"sts:AssumeRole"`, ``, c.bob, []string{"SourceIdentity", "carol"}, denied(bob, "sts:SetSourceIdentity")},
		{`["sts:AssumeRole","sts:SetSourceIdentity"]`, `"StringEquals":{"sts:SourceIdentity":"carol"}`, c.bob, []string{"SourceIdentity", "carol"}, ""},
		{`"sts:AssumeRole"`, ``, c.assume(t, c.bob, firstRole), nil, ""},
		{`"sts:AssumeRole"`, ``, c.assume(t, c.bob, firstRole, transitive...), nil, denied(first, "sts:TagSession")},
		{`"sts:AssumeRole"`, ``, c.assume(t, c.bob, firstRole, tag...), nil, ""}, // a tag that does not pass on
		{`"sts:AssumeRole"`, ``, c.assume(t, c.bob, firstRole, "SourceIdentity", "carol"), nil, denied(first, "sts:SetSourceIdentity")},
	} {
		trust(test.action, test.condition)
		if got := call(test.who, test.params...); got != test.want {
			t.Errorf("%s with %s, %q: %q, want %q", test.action, test.condition, test.params, got, test.want)
		}
	}
}

func TestGetSessionToken(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	a := c.bob.ok(t, "GetSessionToken")
	bob := c.bob.with(a)
	if me := bob.ok(t, "GetCallerIdentity"); me.one("Arn") != ourARN+"user/bob" || !strings.HasPrefix(me.one("UserId"), "AIDA") {
		t.Error(me.body)
	}
	left := func(a queryAnswer) time.Duration {
		expires, err := time.Parse(time.RFC3339, a.one("Expiration"))
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(expires).Round(time.Minute)
	}
	if left(a) != 12*time.Hour || left(c.root.ok(t, "GetSessionToken")) != time.Hour || left(c.root.ok(t, "GetSessionToken", "DurationSeconds", "900")) != 15*time.Minute ||
		left(c.bob.ok(t, "GetSessionToken", "DurationSeconds", "129600")) != 36*time.Hour {
		t.Error("durations")
	}
	c.assume(t, bob, firstRole)
	bob.refused(t, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
		"AssumeRole", "RoleArn", firstRole, "RoleSessionName", "run", "DurationSeconds", "7200")
	bob.refused(t, "AccessDenied", "Cannot call GetSessionToken with session credentials", "GetSessionToken")
	c.assume(t, c.bob, firstRole).refused(t, "AccessDenied", "Cannot call GetSessionToken with session credentials", "GetSessionToken")
	c.bob.refused(t, "UnsupportedOperation", "Trent does not support the parameter SerialNumber of GetSessionToken yet.", "GetSessionToken", "SerialNumber", "arn:aws:iam::111122223333:mfa/bob", "TokenCode", "123456")
	if got := c.root.with(c.root.ok(t, "GetSessionToken")).kms("DescribeKey", object{"KeyId": c.key}); got.code != "" {
		t.Errorf("root's session: %+v", got)
	}
	c.root.ok(t, "DeleteAccessKey", "UserName", "bob", "AccessKeyId", c.bob.accessKey)
	bob.ok(t, "GetCallerIdentity") // the session outlives the access key that asked for it
	c.root.ok(t, "DeleteUserPolicy", "UserName", "bob", "PolicyName", "p")
	c.root.ok(t, "DeleteUser", "UserName", "bob")
	bob.refused(t, "InvalidClientTokenId", "The security token included in the request is invalid.", "GetCallerIdentity")
}

// TestSessionsExpire: by the clock of the node, told as such for an hour; then a
// job has removed them.
func TestSessionsExpire(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	session := c.assume(t, c.bob, firstRole, "DurationSeconds", "900")
	longer := c.assume(t, c.bob, firstRole, "DurationSeconds", "7200")
	move := func(d time.Duration) {
		t.Helper()
		if left, err := c.MoveClock(t.Context(), c.Now().Add(d)); err != nil || len(left) > 0 {
			t.Fatal(left, err)
		}
	}
	move(14 * time.Minute)
	if !c.may(t, session) {
		t.Error("it ends early")
	}
	move(time.Minute)
	for range 2 {
		if got := session.kms("DescribeKey", object{"KeyId": c.key}); got.code != "ExpiredTokenException" || got.message != "The security token included in the request is expired" {
			t.Errorf("%+v", got)
		}
		session.refused(t, "ExpiredToken", "The security token included in the request is expired", "GetCallerIdentity")
	}
	move(time.Hour)
	if got := session.kms("DescribeKey", object{"KeyId": c.key}); got.code != "UnrecognizedClientException" {
		t.Errorf("%+v", got)
	}
	if !c.may(t, longer) {
		t.Error("another session went with it")
	}
}

// TestSessionsInTheTrail: AssumeRole and what its sessions do, in CloudTrail's
// words and without a secret.
func TestSessionsInTheTrail(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	session := c.assume(t, c.bob, firstRole, "SourceIdentity", "carol", "ExternalId", "x1", "Tags.member.1.Key", "a", "Tags.member.1.Value", "b")
	c.may(t, session)
	roleID := strings.TrimSuffix(session.ok(t, "GetCallerIdentity").one("UserId"), ":run")
	c.close(t)
	found := map[string]map[string]any{}
	for _, r := range c.records(t) {
		text, err := json.Marshal(r)
		if err != nil || strings.Contains(string(text), session.token) || strings.Contains(string(text), session.secret) {
			t.Errorf("a secret stands in %s", text)
		}
		found[r["eventName"].(string)] = r
	}
	field := func(event string, path ...string) any {
		var v any = found[event]
		for _, name := range path {
			m, _ := v.(map[string]any)
			v = m[name]
		}
		return v
	}
	for _, want := range []struct {
		value any
		event string
		path  []string
	}{
		{"IAMUser", "AssumeRole", []string{"userIdentity", "type"}},
		{"sts.amazonaws.com", "AssumeRole", []string{"eventSource"}},
		{firstRole, "AssumeRole", []string{"requestParameters", "roleArn"}},
		{"x1", "AssumeRole", []string{"requestParameters", "externalId"}},
		{session.accessKey, "AssumeRole", []string{"responseElements", "credentials", "accessKeyId"}},
		{"arn:aws:sts::" + ours + ":assumed-role/first/run", "AssumeRole", []string{"responseElements", "assumedRoleUser", "arn"}},
		{"carol", "AssumeRole", []string{"responseElements", "sourceIdentity"}},
		{"AssumedRole", "Encrypt", []string{"userIdentity", "type"}},
		{roleID + ":run", "Encrypt", []string{"userIdentity", "principalId"}},
		{"Role", "Encrypt", []string{"userIdentity", "sessionContext", "sessionIssuer", "type"}},
		{roleID, "Encrypt", []string{"userIdentity", "sessionContext", "sessionIssuer", "principalId"}},
		{firstRole, "Encrypt", []string{"userIdentity", "sessionContext", "sessionIssuer", "arn"}},
		{"first", "Encrypt", []string{"userIdentity", "sessionContext", "sessionIssuer", "userName"}},
		{"carol", "Encrypt", []string{"userIdentity", "sessionContext", "sourceIdentity"}},
		{"false", "Encrypt", []string{"userIdentity", "sessionContext", "attributes", "mfaAuthenticated"}},
	} {
		if got := field(want.event, want.path...); got != want.value {
			t.Errorf("%s: %v is %v, want %v", want.event, want.path, got, want.value)
		}
	}
	resources, _ := found["AssumeRole"]["resources"].([]any)
	if len(resources) != 1 || resources[0].(object)["ARN"] != firstRole || resources[0].(object)["type"] != "AWS::IAM::Role" {
		t.Errorf("resources %v", resources)
	}
}
