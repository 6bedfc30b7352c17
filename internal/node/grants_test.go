package node_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	someRole  = "arn:aws:iam::111122223333:role/r"
	otherRole = "arn:aws:iam::111122223333:role/other"
)

// grantsOf lists the ids of a key's grants, page by page.
func (c caller) grantsOf(t *testing.T, in object) (ids []string) {
	t.Helper()
	for {
		page := c.must(t, "ListGrants", in)
		for _, g := range page.body["Grants"].([]any) {
			ids = append(ids, g.(object)["GrantId"].(string))
		}
		if page.body["Truncated"] != true {
			return ids
		}
		in["Marker"] = page.str("NextMarker")
	}
}

// TestGrantsAreStored: what CreateGrant was given, ListGrants shows, until
// RevokeGrant.
func TestGrantsAreStored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	in := object{
		"KeyId": id, "GranteePrincipal": someRole, "RetiringPrincipal": "111122223333", "Operations": []string{"Decrypt", "DescribeKey", "Decrypt"},
		"Constraints": object{"EncryptionContextSubset": object{"b": "2", "a": "1"}}, "Name": "a/name",
	}
	made := c.must(t, "CreateGrant", in)
	again := c.must(t, "CreateGrant", in)
	if made.str("GrantId") != again.str("GrantId") || made.str("GrantToken") == again.str("GrantToken") {
		t.Errorf("the same request again: %v and %v", made.body, again.body)
	}
	in["Operations"] = []string{"Decrypt"}
	if other := c.must(t, "CreateGrant", in); other.str("GrantId") == made.str("GrantId") {
		t.Error("another request with the same name has the same grant")
	}
	f.close(t)
	f.open(t)
	got := c.must(t, "ListGrants", object{"KeyId": id, "GrantId": made.str("GrantId")}).body["Grants"].([]any)
	if len(got) != 1 {
		t.Fatalf("%d grants", len(got))
	}
	g := got[0].(object)
	delete(g, "CreationDate")
	want := object{
		"KeyId": "arn:aws:kms:eu-west-1:111122223333:key/" + id, "GrantId": made.str("GrantId"), "Name": "a/name",
		"GranteePrincipal": someRole, "RetiringPrincipal": "arn:aws:iam::111122223333:root", "IssuingAccount": "arn:aws:iam::111122223333:root",
		"Operations": []any{"Decrypt", "DescribeKey"}, "Constraints": object{"EncryptionContextSubset": object{"a": "1", "b": "2"}},
	}
	if !reflect.DeepEqual(g, want) {
		t.Errorf("got %v, want %v", g, want)
	}
}

// TestGrantsInPages: every grant comes once, whatever the limit and the filter,
// and a grantee's are his only.
func TestGrantsInPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	var all, ofRole []string
	for i := range 7 {
		grantee := someRole
		if i%3 == 0 {
			grantee = otherRole
		}
		made := c.must(t, "CreateGrant", object{"KeyId": id, "GranteePrincipal": grantee, "Operations": []string{"Encrypt"}}).str("GrantId")
		all = append(all, made)
		if grantee == someRole {
			ofRole = append(ofRole, made)
		}
	}
	slices.Sort(all)
	slices.Sort(ofRole)
	for limit := 1; limit < 9; limit++ {
		if got := c.grantsOf(t, object{"KeyId": id, "Limit": limit}); !slices.Equal(got, all) {
			t.Errorf("limit %d: %v, want %v", limit, got, all)
		}
		if got := c.grantsOf(t, object{"KeyId": id, "Limit": limit, "GranteePrincipal": someRole}); !slices.Equal(got, ofRole) {
			t.Errorf("limit %d, of the role: %v, want %v", limit, got, ofRole)
		}
	}
	if got := c.grantsOf(t, object{"KeyId": c.createKey(t)}); got != nil {
		t.Errorf("another key has %v", got)
	}
	for i, grant := range all {
		c.must(t, "RevokeGrant", object{"KeyId": id, "GrantId": grant})
		if got := c.grantsOf(t, object{"KeyId": id}); len(got) != len(all)-i-1 || slices.Contains(got, grant) {
			t.Errorf("after the revocation of %s: %v", grant, got)
		}
	}
}

// TestGrantsThatCannotBe: AWS's errors, and nothing is stored.
func TestGrantsThatCannotBe(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	rsa := c.must(t, "CreateKey", object{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}).str("KeyMetadata", "KeyId")
	nine := object{}
	for i := range 9 {
		nine[fmt.Sprint(i)] = ""
	}
	for name, test := range map[string]struct {
		change object
		code   string
	}{
		"an operation of other keys":      {object{"Operations": []string{"Decrypt", "Sign"}}, "ValidationException"},
		"CreateGrant alone":               {object{"Operations": []string{"CreateGrant"}}, "ValidationException"},
		"no operation":                    {object{"Operations": []string{}}, "ValidationException"},
		"a group":                         {object{"GranteePrincipal": "arn:aws:iam::111122223333:group/g"}, "InvalidArnException"},
		"a service as principal":          {object{"GranteePrincipal": "ec2.amazonaws.com"}, "InvalidArnException"},
		"another partition":               {object{"GranteePrincipal": "arn:aws-cn:iam::111122223333:role/r"}, "InvalidArnException"},
		"nobody to retire":                {object{"RetiringPrincipal": "nobody"}, "InvalidArnException"},
		"nine pairs":                      {object{"Constraints": object{"EncryptionContextSubset": nine}}, "ValidationException"},
		"a constraint of a signing key":   {object{"KeyId": rsa, "Operations": []string{"Sign"}, "Constraints": object{"EncryptionContextEquals": object{"a": "1"}}}, "ValidationException"},
		"an encryption with it":           {object{"KeyId": rsa, "Operations": []string{"Encrypt"}}, "ValidationException"},
		"a token of nobody's":             {object{"GrantTokens": []string{"token"}}, "InvalidGrantTokenException"},
		"a dry run":                       {object{"DryRun": true}, "DryRunOperationException"},
		"a dry run of what cannot be":     {object{"DryRun": true, "Operations": []string{"Sign"}}, "ValidationException"},
		"a service without its resource":  {object{"GranteePrincipal": nil, "GranteeServicePrincipal": "ec2.amazonaws.com"}, "ValidationException"},
		"an alias":                        {object{"KeyId": "alias/a"}, "InvalidArnException"},
		"a key that is not there":         {object{"KeyId": "00000000-0000-4000-8000-000000000000"}, "NotFoundException"},
		"both constraints on the context": {object{"Constraints": object{"EncryptionContextSubset": object{}, "EncryptionContextEquals": object{"a": "1"}}}, "ValidationException"},
	} {
		in := object{"KeyId": id, "GranteePrincipal": someRole, "Operations": []string{"Decrypt"}}
		for k, v := range test.change {
			if in[k] = v; v == nil {
				delete(in, k)
			}
		}
		if got := c.call("CreateGrant", in); got.code != test.code {
			t.Errorf("%s: %q %q, want %q", name, got.code, got.message, test.code)
		}
	}
	for _, key := range []string{id, rsa} {
		if got := c.grantsOf(t, object{"KeyId": key}); got != nil {
			t.Errorf("there are %v", got)
		}
	}
}

// TestEndOfAGrant: it ends once, by its id or its token, and a token is for its
// grant only.
func TestEndOfAGrant(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	arn := "arn:aws:kms:eu-west-1:111122223333:key/" + id
	create := func() answer {
		return c.must(t, "CreateGrant", object{"KeyId": id, "GranteePrincipal": someRole, "RetiringPrincipal": someRole, "Operations": []string{"Decrypt"}})
	}
	refused := func(op string, in object, code string) {
		t.Helper()
		if got := c.call(op, in); got.code != code {
			t.Errorf("%s %v: %q %q, want %q", op, in, got.code, got.message, code)
		}
	}
	byID, byToken, kept := create(), create(), create()
	retirable := func() int {
		return len(c.must(t, "ListRetirableGrants", object{"RetiringPrincipal": someRole}).body["Grants"].([]any))
	}
	if n := retirable(); n != 3 {
		t.Errorf("%d retirable grants", n)
	}
	refused("RetireGrant", object{"GrantToken": byToken.str("GrantToken"), "DryRun": true}, "DryRunOperationException")
	c.must(t, "RetireGrant", object{"GrantToken": byToken.str("GrantToken")})
	c.must(t, "RetireGrant", object{"KeyId": arn, "GrantId": byID.str("GrantId")})
	refused("RetireGrant", object{"GrantToken": byToken.str("GrantToken")}, "NotFoundException")
	refused("RetireGrant", object{"GrantToken": "token"}, "InvalidGrantTokenException")
	for _, op := range []string{"RetireGrant", "RevokeGrant"} {
		refused(op, object{"KeyId": arn, "GrantId": byID.str("GrantId")}, "NotFoundException")
		refused(op, object{"KeyId": arn, "GrantId": "not/an/id"}, "InvalidGrantIdException")
		refused(op, object{"KeyId": arn, "GrantId": kept.str("GrantId"), "DryRun": true}, "DryRunOperationException")
	}
	if got := c.grantsOf(t, object{"KeyId": id}); !slices.Equal(got, []string{kept.str("GrantId")}) || retirable() != 1 {
		t.Errorf("there are %v, %d retirable", got, retirable())
	}
	other := f.caller("444455556666")
	for _, in := range []object{{"GrantToken": kept.str("GrantToken")}, {"KeyId": arn, "GrantId": kept.str("GrantId")}} {
		if got := other.call("RetireGrant", in); got.code != "AccessDeniedException" {
			t.Errorf("another account: %q", got.code)
		}
	}
	if got := other.call("ListRetirableGrants", object{"RetiringPrincipal": someRole}); got.code != "InvalidArnException" {
		t.Errorf("another account's principal: %q", got.code)
	}
	// A token of a grant is taken wherever there are grant tokens, whatever has
	// become of the grant.
	c.must(t, "DescribeKey", object{"KeyId": id, "GrantTokens": []string{kept.str("GrantToken"), byID.str("GrantToken")}})
	abroad := caller{f, c.accessKey, c.secret, "us-east-1"}
	key := abroad.createKey(t)
	if got := abroad.call("DescribeKey", object{"KeyId": key, "GrantTokens": []string{kept.str("GrantToken")}}); got.code != "InvalidGrantTokenException" {
		t.Errorf("another Region: %q", got.code)
	}
}

// TestGrantsOfWhoIsGone: lists show who was meant by his id, so that nobody gives
// the grant to another one of his name again.
func TestGrantsOfWhoIsGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	const alice = "arn:aws:iam::111122223333:user/alice"
	c.ask(t, "iam:CreateUser", "UserName", "alice")
	was := c.ask(t, "iam:GetUser", "UserName", "alice").one("UserId")
	id := c.createKey(t)
	grant := c.must(t, "CreateGrant", object{"KeyId": id, "GranteePrincipal": alice, "RetiringPrincipal": alice, "Operations": []string{"Decrypt"}}).str("GrantId")
	check := func(when, want string, byName int) {
		t.Helper()
		for _, in := range []object{{"KeyId": id}, {"KeyId": id, "GrantId": grant}} {
			g := c.must(t, "ListGrants", in).body["Grants"].([]any)[0].(object)
			if g["GranteePrincipal"] != want || g["RetiringPrincipal"] != want {
				t.Errorf("%s: %v", when, g)
			}
		}
		for _, in := range []object{{"KeyId": id, "GranteePrincipal": alice}, {"KeyId": id, "GranteePrincipal": alice, "GrantId": grant}} {
			if n := len(c.must(t, "ListGrants", in).body["Grants"].([]any)); n != byName {
				t.Errorf("%s: %v finds %d", when, in, n)
			}
		}
	}
	check("while she is there", alice, 1)
	c.ask(t, "iam:DeleteUser", "UserName", "alice")
	check("when she is gone", was, 0)
	c.ask(t, "iam:CreateUser", "UserName", "alice")
	check("when another one has her name", was, 0)
}

// TestGrantRecords: the audit records name grants as CloudTrail's do, and no
// token.
func TestGrantRecords(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	arn := "arn:aws:kms:eu-west-1:111122223333:key/" + c.createKey(t)
	create := func() answer {
		return c.must(t, "CreateGrant", object{"KeyId": arn, "GranteePrincipal": someRole, "Operations": []string{"Decrypt"}})
	}
	made := []answer{create(), create(), create()}
	c.must(t, "DescribeKey", object{"KeyId": arn, "GrantTokens": []string{made[0].str("GrantToken")}})
	c.must(t, "RetireGrant", object{"GrantToken": made[0].str("GrantToken")})
	c.must(t, "RetireGrant", object{"KeyId": arn, "GrantId": made[1].str("GrantId")})
	c.must(t, "RevokeGrant", object{"KeyId": arn, "GrantId": made[2].str("GrantId")})
	f.close(t)
	var got [][]any
	for _, r := range f.records(t) {
		if r["eventName"] == "CreateKey" {
			continue
		}
		parameters, _ := r["requestParameters"].(object)
		if parameters["grantTokens"] != nil || parameters["grantToken"] != nil {
			t.Errorf("%s has %v", r["eventName"], parameters)
		}
		elements, _ := r["responseElements"].(object)
		got = append(got, []any{r["eventName"], parameters["grantId"], elements["grantId"], elements["keyId"], r["additionalEventData"].(object)["grantId"], elements["grantToken"]})
	}
	id := func(i int) any { return made[i].str("GrantId") }
	want := [][]any{
		{"CreateGrant", nil, id(0), arn, nil, nil}, {"CreateGrant", nil, id(1), arn, nil, nil}, {"CreateGrant", nil, id(2), arn, nil, nil},
		{"DescribeKey", nil, nil, nil, nil, nil},
		{"RetireGrant", nil, nil, arn, id(0), nil}, {"RetireGrant", id(1), nil, arn, id(1), nil},
		{"RevokeGrant", id(2), nil, nil, nil, nil},
	}
	byName := func(a, b []any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) } // mutations come by the outbox, later
	slices.SortFunc(got, byName)
	slices.SortFunc(want, byName)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}
