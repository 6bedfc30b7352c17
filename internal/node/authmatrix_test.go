package node_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/authz"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/notyet"
	"trent/internal/optable"
	"trent/internal/policy"
)

const (
	owners   = "111122223333" // the keys' account
	partners = "444455556666"
)

// The callers of the matrix, by their letters:
//
//	R the root user of the keys' account
//	T a role's session there, which its identity-based policy allows everything
//	A a key administrator, who also may manage aliases and list
//	U a key user
//	G a grantee, of all operations that a grant can have for the key
//	S a stranger of the same account
//	n k i b users of another account: neither policy, the key's only, their own only, both
//
// and those who are nobody: E an expired session, I an inactive access key,
// N anonymous.
const everybody = "RTAUGSnkib"

// matrix says for every operation who may call it on a key with the policy that
// the console makes for A and U. A body's names in braces stand for what the
// caller's turn has made.
var matrix = map[api.Op]struct {
	may   string
	usage string // of the key; "" is ENCRYPT_DECRYPT, and EXTERNAL the same with imported material
	body  string
}{
	api.OpCancelKeyDeletion:                   {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpConnectCustomKeyStore:               {"RTib", "", `{"CustomKeyStoreId":"cks-1234567890abcdef0"}`},
	api.OpCreateAlias:                         {"RTA", "", `{"AliasName":"{new}","TargetKeyId":"{key}"}`},
	api.OpCreateCustomKeyStore:                {"RTib", "", `{"CustomKeyStoreName":"x"}`},
	api.OpCreateGrant:                         {"RTAGb", "", `{"KeyId":"{key}","GranteePrincipal":"arn:aws:iam::111122223333:user/S","Operations":["Decrypt"],"DryRun":true}`},
	api.OpCreateKey:                           {"RTib", "", `{}`},
	api.OpDecapsulate:                         {"RTUGb", "ENCAPSULATE_DECAPSULATE", `{"KeyId":"{key}","EncapsulationAlgorithm":"ML_KEM","SharedSecretCiphertextBlob":"{ciphertext}"}`},
	api.OpDecrypt:                             {"RTUGb", "", `{"CiphertextBlob":"{blob}"}`},
	api.OpDeleteAlias:                         {"RTA", "", `{"AliasName":"{alias}"}`},
	api.OpDeleteCustomKeyStore:                {"RTib", "", `{"CustomKeyStoreId":"cks-1234567890abcdef0"}`},
	api.OpDeleteImportedKeyMaterial:           {"RTA", "EXTERNAL", `{"KeyId":"{key}"}`},
	api.OpDeriveSharedSecret:                  {"RTUGb", "KEY_AGREEMENT", `{"KeyId":"{key}","KeyAgreementAlgorithm":"ECDH","PublicKey":"{public}"}`},
	api.OpDescribeCustomKeyStores:             {"RTib", "", `{}`},
	api.OpDescribeKey:                         {"RTAUGb", "", `{"KeyId":"{key}"}`},
	api.OpDisableKey:                          {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpDisableKeyRotation:                  {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpDisconnectCustomKeyStore:            {"RTib", "", `{"CustomKeyStoreId":"cks-1234567890abcdef0"}`},
	api.OpEnableKey:                           {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpEnableKeyRotation:                   {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpEncapsulate:                         {"RTUGb", "ENCAPSULATE_DECAPSULATE", `{"KeyId":"{key}","EncapsulationAlgorithm":"ML_KEM"}`},
	api.OpEncrypt:                             {"RTUGb", "", `{"KeyId":"{key}","Plaintext":"eA=="}`},
	api.OpGenerateDataKey:                     {"RTUGb", "", `{"KeyId":"{key}","KeySpec":"AES_256"}`},
	api.OpGenerateDataKeyPair:                 {"RTUGb", "", `{"KeyId":"{key}","KeyPairSpec":"ECC_NIST_P256"}`},
	api.OpGenerateDataKeyPairWithoutPlaintext: {"RTUGb", "", `{"KeyId":"{key}","KeyPairSpec":"ECC_NIST_P256"}`},
	api.OpGenerateDataKeyWithoutPlaintext:     {"RTUGb", "", `{"KeyId":"{key}","KeySpec":"AES_256"}`},
	api.OpGenerateMac:                         {"RTUGb", "GENERATE_VERIFY_MAC", `{"KeyId":"{key}","MacAlgorithm":"HMAC_SHA_256","Message":"eA=="}`},
	api.OpGenerateRandom:                      {"RTib", "", `{"NumberOfBytes":8}`},
	api.OpGetKeyLastUsage:                     {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpGetKeyPolicy:                        {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpGetKeyRotationStatus:                {"RTAb", "", `{"KeyId":"{key}"}`},
	api.OpGetParametersForImport:              {"RTA", "EXTERNAL", `{"KeyId":"{key}","WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"}`},
	api.OpGetPublicKey:                        {"RTAUGb", "SIGN_VERIFY", `{"KeyId":"{key}"}`},
	api.OpImportKeyMaterial:                   {"RT", "EXTERNAL", `{"KeyId":"{key}","ImportToken":"{token}","EncryptedKeyMaterial":"{wrapped}","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"}`},
	api.OpListAliases:                         {"RTAib", "", `{}`},
	api.OpListGrants:                          {"RTAb", "", `{"KeyId":"{key}"}`},
	api.OpListKeyPolicies:                     {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpListKeyRotations:                    {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpListKeys:                            {"RTAib", "", `{}`},
	api.OpListResourceTags:                    {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpListRetirableGrants:                 {"RTib", "", `{"RetiringPrincipal":"arn:aws:iam::{account}:root"}`},
	api.OpPutKeyPolicy:                        {"RTA", "", `{"KeyId":"{key}","Policy":{policy}}`},
	api.OpReEncrypt:                           {"RTUGb", "", `{"CiphertextBlob":"{blob}","DestinationKeyId":"{key}"}`},
	api.OpReplicateKey:                        {"RT", "", `{"KeyId":"{key}","ReplicaRegion":"eu-west-2"}`},
	api.OpRetireGrant:                         {"RTG", "", `{"KeyId":"{arn}","GrantId":"{grant}","DryRun":true}`},
	api.OpRevokeGrant:                         {"RTAb", "", `{"KeyId":"{key}","GrantId":"{grant}","DryRun":true}`},
	api.OpRotateKeyOnDemand:                   {"RTA", "", `{"KeyId":"{key}"}`},
	api.OpScheduleKeyDeletion:                 {"RTA", "", `{"KeyId":"{key}","PendingWindowInDays":7}`},
	api.OpSign:                                {"RTUGb", "SIGN_VERIFY", `{"KeyId":"{key}","Message":"eA==","SigningAlgorithm":"ECDSA_SHA_256"}`},
	api.OpTagResource:                         {"RTA", "", `{"KeyId":"{key}","Tags":[{"TagKey":"a","TagValue":"b"}]}`},
	api.OpUntagResource:                       {"RTA", "", `{"KeyId":"{key}","TagKeys":["a"]}`},
	api.OpUpdateAlias:                         {"RTA", "", `{"AliasName":"{alias}","TargetKeyId":"{key}"}`},
	api.OpUpdateCustomKeyStore:                {"RTib", "", `{"CustomKeyStoreId":"cks-1234567890abcdef0"}`},
	api.OpUpdateKeyDescription:                {"RTA", "", `{"KeyId":"{key}","Description":"x"}`},
	api.OpUpdatePrimaryRegion:                 {"RTA", "", `{"KeyId":"{key}","PrimaryRegion":"eu-west-2"}`},
	api.OpVerify:                              {"RTUGb", "SIGN_VERIFY", `{"KeyId":"{key}","Message":"eA==","SigningAlgorithm":"ECDSA_SHA_256","Signature":"{signature}"}`},
	api.OpVerifyMac:                           {"RTUGb", "GENERATE_VERIFY_MAC", `{"KeyId":"{key}","MacAlgorithm":"HMAC_SHA_256","Message":"eA==","Mac":"{mac}"}`},
}

// cast are the callers of a matrix, and the policy of its keys.
type cast struct {
	f        *fixture
	callers  map[byte]caller
	expired  caller
	inactive caller
}

const (
	mayAll     = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`
	mayAliases = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateAlias","kms:UpdateAlias","kms:DeleteAlias"],"Resource":"arn:aws:kms:*:111122223333:alias/*"},
		{"Effect":"Allow","Action":["kms:ListKeys","kms:ListAliases"],"Resource":"*"}]}`
	mayElse = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
)

func newCast(t *testing.T) *cast {
	t.Helper()
	f := newFixture(t)
	root, partner := f.caller(owners), f.caller(partners)
	c := &cast{f: f, callers: map[byte]caller{
		'R': root, 'A': root.user(t, "A", mayAliases), 'U': root.user(t, "U", ""), 'G': root.user(t, "G", ""), 'S': root.user(t, "S", mayElse),
		'n': partner.user(t, "n", ""), 'k': partner.user(t, "k", mayElse), 'i': partner.user(t, "i", mayAll), 'b': partner.user(t, "b", mayAll),
	}}
	root.role(t, owners, "T", mayAll)
	starter := root.user(t, "starter", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	assume := func(seconds string) caller {
		return root.session(starter.ask(t, "sts:AssumeRole", "RoleArn", "arn:aws:iam::"+owners+":role/T", "RoleSessionName", "session", "DurationSeconds", seconds))
	}
	c.callers['T'], c.expired = assume("3600"), assume("900")
	c.inactive = root.user(t, "I", mayAll)
	root.ask(t, "iam:UpdateAccessKey", "UserName", "I", "AccessKeyId", c.inactive.accessKey, "Status", "Inactive")
	f.ahead.Add(int64(16 * time.Minute))
	return c
}

// keyPolicy is the console's for A and U, and names k and b of the other account.
func (c *cast) keyPolicy(usage string) string {
	text := policy.Template("aws", owners, usage, []string{"arn:aws:iam::" + owners + ":user/A"}, []string{"arn:aws:iam::" + owners + ":user/U"})
	return strings.Replace(text, `"Statement": [`, `"Statement": [{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::`+partners+`:user/k","arn:aws:iam::`+partners+`:user/b"]},"Action":"kms:*","Resource":"*"},`, 1)
}

// specs are the key specs of the usages, operations what a grant can have.
var (
	specs = map[string]string{
		"ENCRYPT_DECRYPT": "SYMMETRIC_DEFAULT", "SIGN_VERIFY": "ECC_NIST_P256", "GENERATE_VERIFY_MAC": "HMAC_256",
		"KEY_AGREEMENT": "ECC_NIST_P384", "ENCAPSULATE_DECAPSULATE": "ML_KEM_768",
	}
	grantable = map[string][]string{
		"ENCRYPT_DECRYPT": {"Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
			"ReEncryptFrom", "ReEncryptTo", "CreateGrant", "RetireGrant", "DescribeKey"},
		"SIGN_VERIFY": {"Sign", "Verify", "GetPublicKey", "CreateGrant", "RetireGrant", "DescribeKey"}, "GENERATE_VERIFY_MAC": {"GenerateMac", "VerifyMac", "DescribeKey"},
		"KEY_AGREEMENT": {"DeriveSharedSecret", "GetPublicKey"}, "ENCAPSULATE_DECAPSULATE": {"Encapsulate", "Decapsulate", "GetPublicKey"},
	}
)

// stage makes a key for one operation, and what its body can name.
func (c *cast) stage(t *testing.T, usage string) map[string]string {
	t.Helper()
	root := c.callers['R']
	external := usage == "EXTERNAL"
	in := object{}
	if external {
		usage, in["Origin"] = "ENCRYPT_DECRYPT", "EXTERNAL"
	}
	in["KeySpec"], in["KeyUsage"], in["Policy"] = specs[usage], usage, c.keyPolicy(usage)
	made := root.must(t, "CreateKey", in)
	id := made.str("KeyMetadata", "KeyId")
	quoted, err := json.Marshal(c.keyPolicy(usage))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"id": id, "arn": made.str("KeyMetadata", "Arn"), "policy": string(quoted)}
	if external {
		in := root.importing(t, id, filled(1), nil)
		root.must(t, "ImportKeyMaterial", in)
		names["token"], names["wrapped"] = in["ImportToken"].(string), base64.StdEncoding.EncodeToString(in["EncryptedKeyMaterial"].([]byte))
	}
	names["grant"] = root.must(t, "CreateGrant", object{"KeyId": id, "GranteePrincipal": "arn:aws:iam::" + owners + ":user/G", "Operations": grantable[usage]}).str("GrantId")
	x := base64.StdEncoding.EncodeToString([]byte("x"))
	switch usage {
	case "ENCRYPT_DECRYPT":
		names["blob"] = root.must(t, "Encrypt", object{"KeyId": id, "Plaintext": x}).str("CiphertextBlob")
	case "SIGN_VERIFY":
		names["signature"] = root.must(t, "Sign", object{"KeyId": id, "Message": x, "SigningAlgorithm": "ECDSA_SHA_256"}).str("Signature")
	case "GENERATE_VERIFY_MAC":
		names["mac"] = root.must(t, "GenerateMac", object{"KeyId": id, "Message": x, "MacAlgorithm": "HMAC_SHA_256"}).str("Mac")
	case "KEY_AGREEMENT":
		names["public"] = root.must(t, "GetPublicKey", object{"KeyId": id}).str("PublicKey")
	default:
		names["ciphertext"] = root.must(t, "Encapsulate", object{"KeyId": id, "EncapsulationAlgorithm": "ML_KEM"}).str("SharedSecretCiphertextBlob")
	}
	return names
}

// body is a row's body for a caller.
func body(row string, names map[string]string, letter byte) string {
	account, id := owners, names["id"]
	if strings.IndexByte("nkib", letter) >= 0 {
		account, id = partners, names["arn"]
	}
	pairs := []string{"{key}", id, "{account}", account, "{alias}", "alias/" + names["id"] + string(letter), "{new}", "alias/new-" + names["id"] + string(letter)}
	for name, value := range names {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(row)
}

// let are the answers to a call that was permitted: it has succeeded, or somebody
// before has done what cannot be done again.
var let = map[string]bool{
	"": true, "DryRunOperationException": true, "KMSInvalidStateException": true, "AlreadyExistsException": true, "UnsupportedOperationException": true,
}

// multiRegion puts a multi-Region key in the place of a stage's key, with a
// replica that has the same policy, if one is asked for.
func (c *cast) multiRegion(t *testing.T, names map[string]string, replica bool) {
	t.Helper()
	root, policy := c.callers['R'], c.keyPolicy("ENCRYPT_DECRYPT")
	made := root.must(t, "CreateKey", object{"MultiRegion": true, "Policy": policy})
	names["id"], names["arn"] = made.str("KeyMetadata", "KeyId"), made.str("KeyMetadata", "Arn")
	if replica {
		root.must(t, "ReplicateKey", object{"KeyId": names["id"], "ReplicaRegion": "eu-west-2", "Policy": policy})
		root.are(t, names["id"], "Enabled", "eu-west-2")
	}
}

// TestAuthorizationMatrix: every operation, and everybody. Those who may come
// last, so that what they change misleads nobody.
func TestAuthorizationMatrix(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	root := c.callers['R']
	for _, op := range api.Ops() {
		row, ok := matrix[op]
		if !ok {
			t.Errorf("%s has no expectations", op)
			continue
		}
		usage := row.usage
		if usage == "" {
			usage = string(key.EncryptDecrypt)
		}
		names := c.stage(t, usage)
		if op == api.OpReplicateKey || op == api.OpUpdatePrimaryRegion {
			c.multiRegion(t, names, op == api.OpUpdatePrimaryRegion)
		}
		aliased := op == api.OpDeleteAlias || op == api.OpUpdateAlias
		for _, may := range []bool{false, true} {
			for _, letter := range []byte(everybody) {
				if strings.IndexByte(row.may, letter) >= 0 != may {
					continue
				}
				in := body(row.body, names, letter)
				own := strings.IndexByte("nkib", letter) < 0
				if aliased && own {
					root.must(t, "CreateAlias", object{"AliasName": "alias/" + names["id"] + string(letter), "TargetKeyId": names["id"]})
				}
				if !notyet.Works(op) {
					c.checkDecision(t, op, in, letter, names["id"], may)
					continue
				}
				got := c.callers[letter].call(op.String(), in)
				switch {
				case may && !let[got.code]:
					t.Errorf("%s by %c: %s %s", op, letter, got.code, got.message)
				case !may && aliased && !own && got.code == "NotFoundException": // of his own account's aliases
				case !may && got.code != "AccessDeniedException":
					t.Errorf("%s by %c: %q %s, want a refusal", op, letter, got.code, got.message)
				case !may && c.sends(func() { c.callers[letter].call(op.String(), in) }):
					t.Errorf("%s by %c is refused, and reaches the crypto module", op, letter)
				}
			}
		}
		c.checkNobody(t, op, body(row.body, names, 'R'))
	}
	for op := range matrix {
		if op == 0 || op > api.NumOps {
			t.Errorf("expectations of operation %d", op)
		}
	}
}

// sends reports whether a call sends the crypto module something: by itself, each
// time, and not as the first of a day, or because something else happens.
func (c *cast) sends(call func()) bool {
	for range 3 {
		before := c.f.Commands()
		if call(); c.f.Commands() == before {
			return false
		}
	}
	return true
}

// checkNobody checks that who is not authenticated gets nothing.
func (c *cast) checkNobody(t *testing.T, op api.Op, in string) {
	t.Helper()
	if got := c.expired.call(op.String(), in); got.code != "ExpiredTokenException" {
		t.Errorf("%s by an expired session: %q %s", op, got.code, got.message)
	}
	if got := c.inactive.call(op.String(), in); got.code != "UnrecognizedClientException" {
		t.Errorf("%s by an inactive access key: %q %s", op, got.code, got.message)
	}
	r := c.callers['R'].request(op.String(), in, time.Now())
	delete(r.Header, "Authorization")
	got := c.f.Pipeline.Serve(t.Context(), &r, nil)
	if !strings.Contains(string(got.Body), `"MissingAuthenticationTokenException"`) {
		t.Errorf("%s by somebody anonymous: %s", op, got.Body)
	}
}

// checkDecision asks authz about an operation that Trent does not have yet.
func (c *cast) checkDecision(t *testing.T, op api.Op, in string, letter byte, id string, may bool) {
	t.Helper()
	request, err := api.Decode(op, []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	who := c.principal(t, letter)
	r := &authz.Request{Op: op, Action: optable.Of(op).Actions[0], Caller: &who, In: request, Environment: authz.Environment{Time: time.Now(), Region: "eu-west-1", Partition: "aws"}}
	if target := optable.Of(op).Target; target != optable.None && target != optable.KeyStore {
		k, err := c.f.Pipeline.Keys.Key(t.Context(), "eu-west-1", owners, id)
		if err != nil {
			t.Fatal(err)
		}
		r.On(k)
	}
	d, err := c.f.Pipeline.Authorizer.Decide(t.Context(), r)
	if err != nil || d.Allowed != may {
		t.Errorf("%s by %c: allowed %v by the %s, error %v", op, letter, d.Allowed, d.Layer, err)
	}
}

func (c *cast) principal(t *testing.T, letter byte) identity.Caller {
	t.Helper()
	name := "arn:aws:iam::" + owners + ":user/" + string(letter)
	switch {
	case letter == 'R':
		name = "arn:aws:iam::" + owners + ":root"
	case letter == 'T':
		name = "arn:aws:sts::" + owners + ":assumed-role/T/session"
	case strings.IndexByte("nkib", letter) >= 0:
		name = "arn:aws:iam::" + partners + ":user/" + string(letter)
	}
	who, err := c.f.Identity.Principal(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return who
}
