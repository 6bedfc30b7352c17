package node_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/notyet"
)

// A form is a way to name a key or an alias, rightly or wrongly.
type form uint8

// The forms: right ones, then wrong Region, wrong account, malformed, absent.
const (
	keyID form = iota
	keyARN
	aliasName
	aliasARN
	regionKey   // a key ARN of another Region, where the key is
	regionAlias // an alias ARN
	accountKey  // the ARN of another account's key
	accountNone // … that does not exist
	accountAlias
	malWords     // no identifier at all
	malDashes    // a UUID without dashes
	malARN       // another service's
	malKeyARN    // a key ARN whose key id is none
	absentKey    // a key id that does not exist
	absentKeyARN // its ARN
	absentAlias
	absentAliasARN
	numForms
)

// An outcome is what a call with an identifier comes to; 0 is none.
type outcome uint8

const (
	found        outcome = iota + 1 // the call succeeds, on the key that was named
	noIdentifier                    // Invalid keyId '…'
	noAliases                       // Key Aliases are not supported for this operation.
	otherRegion                     // Invalid arn us-west-2
	denied                          // … is not authorized to perform …
	noKey                           // Key '…' does not exist
	noAlias                         // Alias … is not found.
	noPrefix                        // Alias must start with the prefix "alias/" …
	noCharacters                    // Member must satisfy regular expression pattern …
	taken                           // An alias with the name … already exists
	ignored                         // the operation takes no identifier, and succeeds
)

// Columns are what the forms come to for one kind of parameter.
type columns [numForms]outcome

var (
	anyIdentifier = columns{
		keyID: found, keyARN: found, aliasName: found, aliasARN: found,
		regionKey: otherRegion, regionAlias: otherRegion, accountKey: denied, accountNone: denied, accountAlias: denied,
		malWords: noIdentifier, malDashes: noIdentifier, malARN: noIdentifier, malKeyARN: noIdentifier,
		absentKey: noKey, absentKeyARN: noKey, absentAlias: noAlias, absentAliasARN: noAlias,
	}
	keyOnly = columns{
		keyID: found, keyARN: found, aliasName: noAliases, aliasARN: noAliases,
		regionKey: otherRegion, regionAlias: noAliases, accountKey: denied, accountNone: denied, accountAlias: noAliases,
		malWords: noIdentifier, malDashes: noIdentifier, malARN: noIdentifier, malKeyARN: noIdentifier,
		absentKey: noKey, absentKeyARN: noKey, absentAlias: noAliases, absentAliasARN: noAliases,
	}
	// The name of an alias that exists, in the caller's account and Region: no
	// ARN can name it.
	existingAlias = columns{
		keyID: noPrefix, keyARN: noPrefix, aliasName: found, aliasARN: noPrefix,
		regionKey: noPrefix, regionAlias: noPrefix, accountKey: noPrefix, accountNone: noPrefix, accountAlias: noPrefix,
		malWords: noCharacters, malDashes: noPrefix, malARN: noPrefix, malKeyARN: noCharacters,
		absentKey: noPrefix, absentKeyARN: noPrefix, absentAlias: noAlias, absentAliasARN: noPrefix,
	}
	newAlias = func() columns {
		c := existingAlias
		c[aliasName], c[absentAlias] = taken, found
		return c
	}()
	noParameter = func() (c columns) {
		for f := range c {
			c[f] = ignored
		}
		return c
	}()
)

// A namingRow is one parameter of one operation that names a key or an alias;
// an operation without one has a row with the name "KeyId", which it must not
// mind.
type namingRow struct {
	op, member string
	columns    columns
	// more is the rest of a request that would succeed.
	more func(w *namedWorld, s *subject) object
}

// A subject is a key with an alias, made for one call.
type subject struct{ id, arn, alias, blob string }

func rest(o object) func(*namedWorld, *subject) object {
	return func(*namedWorld, *subject) object { return o }
}

var nothing = rest(object{})

// granted names a grant on the key.
func granted(w *namedWorld, s *subject) object {
	made := w.c.must(w.t, "CreateGrant", object{"KeyId": s.id, "GranteePrincipal": owners, "Operations": []string{"Decrypt"}})
	return object{"GrantId": made.str("GrantId")}
}

var naming = []namingRow{
	{"CancelKeyDeletion", "KeyId", keyOnly, func(w *namedWorld, s *subject) object {
		w.c.must(w.t, "ScheduleKeyDeletion", object{"KeyId": s.id})
		return object{}
	}},
	{"CreateAlias", "AliasName", newAlias, func(_ *namedWorld, s *subject) object { return object{"TargetKeyId": s.id} }},
	{"CreateAlias", "TargetKeyId", keyOnly, func(w *namedWorld, s *subject) object { return object{"AliasName": s.alias + "/more"} }},
	{"CreateGrant", "KeyId", keyOnly, rest(object{"GranteePrincipal": owners, "Operations": []string{"Decrypt"}})},
	{"CreateKey", "KeyId", noParameter, nothing},
	{"Decapsulate", "KeyId", anyIdentifier, func(w *namedWorld, s *subject) object {
		in := object{"KeyId": s.id, "EncapsulationAlgorithm": "ML_KEM"}
		return object{"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": w.c.must(w.t, "Encapsulate", in).str("SharedSecretCiphertextBlob")}
	}},
	{"Decrypt", "KeyId", anyIdentifier, func(_ *namedWorld, s *subject) object { return object{"CiphertextBlob": s.blob} }},
	{"DeleteAlias", "AliasName", existingAlias, nothing},
	{"DeriveSharedSecret", "KeyId", anyIdentifier, func(w *namedWorld, s *subject) object {
		return object{"KeyAgreementAlgorithm": "ECDH", "PublicKey": w.c.must(w.t, "GetPublicKey", object{"KeyId": s.id}).str("PublicKey")}
	}},
	{"DescribeKey", "KeyId", anyIdentifier, nothing},
	{"DisableKey", "KeyId", keyOnly, nothing},
	{"EnableKey", "KeyId", keyOnly, nothing},
	{"EnableKeyRotation", "KeyId", keyOnly, nothing},
	{"DisableKeyRotation", "KeyId", keyOnly, nothing},
	{"GetKeyLastUsage", "KeyId", keyOnly, nothing},
	{"GetKeyRotationStatus", "KeyId", keyOnly, nothing},
	{"ListKeyRotations", "KeyId", keyOnly, nothing},
	{"RotateKeyOnDemand", "KeyId", keyOnly, nothing},
	{"GetParametersForImport", "KeyId", keyOnly, rest(object{"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})},
	{"ImportKeyMaterial", "KeyId", keyOnly, func(w *namedWorld, s *subject) object {
		in := w.c.importing(w.t, s.id, filled(1), nil)
		delete(in, "KeyId")
		return in
	}},
	{"DeleteImportedKeyMaterial", "KeyId", keyOnly, nothing},
	{"Encapsulate", "KeyId", anyIdentifier, rest(object{"EncapsulationAlgorithm": "ML_KEM"})},
	{"Encrypt", "KeyId", anyIdentifier, rest(object{"Plaintext": []byte("x")})},
	{"GenerateDataKey", "KeyId", anyIdentifier, rest(object{"KeySpec": "AES_256"})},
	{"GenerateDataKeyPair", "KeyId", anyIdentifier, rest(object{"KeyPairSpec": "ECC_NIST_P256"})},
	{"GenerateDataKeyPairWithoutPlaintext", "KeyId", anyIdentifier, rest(object{"KeyPairSpec": "ECC_NIST_P256"})},
	{"GenerateDataKeyWithoutPlaintext", "KeyId", anyIdentifier, rest(object{"KeySpec": "AES_256"})},
	{"GenerateMac", "KeyId", anyIdentifier, rest(object{"MacAlgorithm": "HMAC_SHA_256", "Message": []byte("x")})},
	{"GenerateRandom", "KeyId", noParameter, rest(object{"NumberOfBytes": 16})},
	{"GetKeyPolicy", "KeyId", keyOnly, nothing},
	{"GetPublicKey", "KeyId", anyIdentifier, nothing},
	{"ListAliases", "KeyId", keyOnly, nothing},
	{"ListGrants", "KeyId", keyOnly, nothing},
	{"ListKeyPolicies", "KeyId", keyOnly, nothing},
	{"ListKeys", "KeyId", noParameter, nothing},
	{"ListResourceTags", "KeyId", keyOnly, nothing},
	{"ListRetirableGrants", "KeyId", noParameter, rest(object{"RetiringPrincipal": owners})},
	{"PutKeyPolicy", "KeyId", keyOnly, func(w *namedWorld, s *subject) object {
		return object{"Policy": w.c.must(w.t, "GetKeyPolicy", object{"KeyId": s.id}).str("Policy")}
	}},
	{"ReEncrypt", "SourceKeyId", anyIdentifier, func(w *namedWorld, s *subject) object {
		return object{"CiphertextBlob": s.blob, "DestinationKeyId": w.other.id}
	}},
	{"ReEncrypt", "DestinationKeyId", anyIdentifier, func(w *namedWorld, s *subject) object {
		return object{"CiphertextBlob": w.other.blob}
	}},
	{"ReplicateKey", "KeyId", keyOnly, rest(object{"ReplicaRegion": away})},
	{"RetireGrant", "KeyId", keyOnly, granted},
	{"RevokeGrant", "KeyId", keyOnly, granted},
	{"ScheduleKeyDeletion", "KeyId", keyOnly, nothing},
	{"Sign", "KeyId", anyIdentifier, rest(object{"SigningAlgorithm": "ED25519_SHA_512", "Message": []byte("x")})},
	{"TagResource", "KeyId", keyOnly, rest(object{"Tags": []object{{"TagKey": "a", "TagValue": "b"}}})},
	{"UntagResource", "KeyId", keyOnly, rest(object{"TagKeys": []string{"a"}})},
	{"UpdateAlias", "AliasName", existingAlias, func(w *namedWorld, s *subject) object { return object{"TargetKeyId": w.other.id} }},
	{"UpdateAlias", "TargetKeyId", keyOnly, func(w *namedWorld, s *subject) object { return object{"AliasName": w.other.alias} }},
	{"UpdateKeyDescription", "KeyId", keyOnly, rest(object{"Description": "d"})},
	{"UpdatePrimaryRegion", "KeyId", keyOnly, func(w *namedWorld, s *subject) object {
		if strings.HasPrefix(s.id, "mrk-") {
			w.c.must(w.t, "ReplicateKey", object{"KeyId": s.id, "ReplicaRegion": away})
			w.c.are(w.t, s.id, "Enabled", away)
		}
		return object{"PrimaryRegion": away}
	}},
	{"Verify", "KeyId", anyIdentifier, func(w *namedWorld, s *subject) object {
		in := object{"KeyId": s.id, "SigningAlgorithm": "ED25519_SHA_512", "Message": []byte("x")}
		return object{"SigningAlgorithm": "ED25519_SHA_512", "Message": []byte("x"), "Signature": w.c.must(w.t, "Sign", in).str("Signature")}
	}},
	{"VerifyMac", "KeyId", anyIdentifier, func(w *namedWorld, s *subject) object {
		in := object{"KeyId": s.id, "MacAlgorithm": "HMAC_SHA_256", "Message": []byte("x")}
		return object{"MacAlgorithm": "HMAC_SHA_256", "Message": []byte("x"), "Mac": w.c.must(w.t, "GenerateMac", in).str("Mac")}
	}},
}

// kinds are the keys of operations that take no symmetric encryption key.
var kinds = map[string]object{
	"GetParametersForImport": {"Origin": "EXTERNAL"}, "ImportKeyMaterial": {"Origin": "EXTERNAL"}, "DeleteImportedKeyMaterial": {"Origin": "EXTERNAL"},
	"Sign": {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"}, "Verify": {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
	"GenerateMac": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, "VerifyMac": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
	"DeriveSharedSecret": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}, "GetPublicKey": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
	"ReplicateKey": {"MultiRegion": true}, "UpdatePrimaryRegion": {"MultiRegion": true},
	"Encapsulate": {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}, "Decapsulate": {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
}

// TestIdentifiers calls every working operation with every form of identifier
// and compares status, code and text with AWS's. The table is total: each
// parameter that names a key or an alias has a row, each row a cell for each
// form.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	rowsAreTotal(t)
	f := newFixture(t)
	w := newNamedWorld(t, f)
	resources := map[string]string{} // of the calls that succeed, by request id
	for _, row := range naming {
		for f, want := range row.columns {
			s := w.subjectOf(w.c, kinds[row.op])
			in := maps.Clone(row.more(w, s))
			identifier := w.identifier(form(f), s)
			in[row.member] = identifier
			got := w.c.call(row.op, in)
			w.check(&row, want, identifier, got)
			if want == found && row.op != "ListAliases" { // which reads aliases, and names no key
				resources[got.requestID] = s.arn
			}
		}
	}
	f.close(t)
	for _, r := range f.records(t) {
		if r["awsRegion"] != home { // of a call that concerns another Region too
			continue
		}
		id, _ := r["requestID"].(string)
		if arn := resources[id]; arn != "" && !strings.Contains(fmt.Sprint(r["resources"]), arn) {
			t.Errorf("%s: the record names %v, want %s", r["eventName"], r["resources"], arn)
		}
		delete(resources, id)
	}
	if len(resources) > 0 {
		t.Errorf("%d calls have no record", len(resources))
	}
}

// rowsAreTotal checks the table against the API.
func rowsAreTotal(t *testing.T) {
	t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	for _, op := range api.Ops() {
		if !notyet.Works(op) {
			continue
		}
		members := slices.DeleteFunc(slices.Clone(op.Members()), func(m string) bool {
			return m == "XksKeyId" || m != "AliasName" && !strings.HasSuffix(m, "KeyId")
		})
		for _, m := range members {
			want[op.String()+" "+m] = true
		}
		if len(members) == 0 {
			want[op.String()+" KeyId"] = true
		}
	}
	for _, row := range naming {
		name := row.op + " " + row.member
		if got[name] {
			t.Errorf("%s stands twice in the table", name)
		}
		got[name] = true
		if slices.Contains(row.columns[:], 0) {
			t.Errorf("%s: a form has no cell", name)
		}
		if !want[name] {
			t.Errorf("%s: there is no such parameter of an operation that works", name)
		}
	}
	for name := range want {
		if !got[name] {
			t.Errorf("%s has no row", name)
		}
	}
}

// A namedWorld has keys and aliases to be named.
type namedWorld struct {
	t                    *testing.T
	c                    caller
	other                *subject // another key of the caller's
	elsewhere, strangers *subject // keys of another Region and another account
	subjects             int
}

func newNamedWorld(t *testing.T, f *fixture) *namedWorld {
	w := &namedWorld{t: t, c: f.caller("111122223333")}
	w.other = w.subject()
	elsewhere := w.c
	elsewhere.region = "us-west-2"
	w.elsewhere = w.subjectOf(elsewhere, nil)
	w.strangers = w.subjectOf(f.caller("444455556666"), nil)
	return w
}

func (w *namedWorld) subject() *subject { return w.subjectOf(w.c, nil) }

// subjectOf makes a key of a caller's; kind is a symmetric one if nil.
func (w *namedWorld) subjectOf(c caller, kind object) *subject {
	w.t.Helper()
	w.subjects++
	in := kind
	if in == nil {
		in = object{}
	}
	id := c.must(w.t, "CreateKey", in).str("KeyMetadata", "KeyId")
	s := &subject{id: id, arn: "arn:aws:kms:" + c.region + ":" + c.accessKey + ":key/" + id, alias: fmt.Sprintf("alias/subject-%d", w.subjects)}
	c.must(w.t, "CreateAlias", object{"AliasName": s.alias, "TargetKeyId": id})
	if kind == nil {
		s.blob = c.encrypt(w.t, id)
	}
	return s
}

// aliasARN is the ARN of the subject's alias.
func (s *subject) aliasARN() string { return strings.TrimSuffix(s.arn, "key/"+s.id) + s.alias }

const (
	prefixHere = "arn:aws:kms:eu-west-1:111122223333:"
	noSuchKey  = "11111111-2222-4333-8444-555555555555"
)

// identifier names the subject, or what there is not in its place.
func (w *namedWorld) identifier(f form, s *subject) string {
	return [numForms]string{
		keyID: s.id, keyARN: s.arn, aliasName: s.alias, aliasARN: s.aliasARN(),
		regionKey: w.elsewhere.arn, regionAlias: w.elsewhere.aliasARN(),
		accountKey: w.strangers.arn, accountNone: "arn:aws:kms:eu-west-1:444455556666:key/" + noSuchKey, accountAlias: w.strangers.aliasARN(),
		malWords: "my key", malDashes: strings.ReplaceAll(s.id, "-", ""), malARN: "arn:aws:s3:::bucket", malKeyARN: prefixHere + "key/my key",
		absentKey: noSuchKey, absentKeyARN: prefixHere + "key/" + noSuchKey,
		absentAlias: s.alias + "/none", absentAliasARN: prefixHere + "alias/none",
	}[f]
}

// check compares an answer with what the table says.
func (w *namedWorld) check(row *namingRow, want outcome, identifier string, got answer) {
	w.t.Helper()
	ofARN := identifier // as an ARN
	if !strings.HasPrefix(identifier, "arn:") {
		ofARN = prefixHere + identifier
	}
	action := row.op
	if row.op == "ReEncrypt" {
		action += map[string]string{"SourceKeyId": "From", "DestinationKeyId": "To"}[row.member]
	}
	status, code, message := 400, "NotFoundException", ""
	switch want {
	case found, ignored:
		status, code = 200, ""
	case noIdentifier:
		message = "Invalid keyId '" + identifier + "'"
	case noAliases:
		code, message = "InvalidArnException", "Key Aliases are not supported for this operation."
	case otherRegion:
		message = "Invalid arn us-west-2"
	case denied:
		code = "AccessDeniedException"
		message = "User: arn:aws:iam::111122223333:root is not authorized to perform: kms:" + action + " on resource: " + identifier +
			" because no resource-based policy allows the kms:" + action + " action"
	case noKey:
		message = "Key '" + prefixHere + "key/" + noSuchKey + "' does not exist"
	case noAlias:
		message = "Alias " + ofARN + " is not found."
	case noPrefix:
		code, message = "ValidationException",
			`Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`
	case noCharacters:
		code, message = "ValidationException", "1 validation error detected: Value '"+identifier+
			"' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
	case taken:
		code, message = "AlreadyExistsException", "An alias with the name "+ofARN+" already exists"
	}
	if got.status != status || got.code != code || got.message != message {
		w.t.Errorf("%s with %s %q: %d %s: %s\nwant %d %s: %s", row.op, row.member, identifier, got.status, got.code, got.message, status, code, message)
	}
}
