package authz_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/authz"
	"trent/internal/condkey"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/optable"
	"trent/internal/policy"
)

// bodies are requests with everything that conditions can ask for.
var bodies = map[api.Op]string{
	api.OpCreateKey: `{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY","Origin":"EXTERNAL","MultiRegion":true,
		"BypassPolicyLockoutSafetyCheck":true,"Tags":[{"TagKey":"Team","TagValue":"red"},{"TagKey":"Cost","TagValue":"7"}]}`,
	api.OpPutKeyPolicy:                        `{"BypassPolicyLockoutSafetyCheck":true}`,
	api.OpReplicateKey:                        `{"ReplicaRegion":"eu-west-2","Tags":[{"TagKey":"Team","TagValue":"red"},{"TagKey":"Cost","TagValue":"7"}]}`,
	api.OpTagResource:                         `{"Tags":[{"TagKey":"Team","TagValue":"red"},{"TagKey":"Cost","TagValue":"7"}]}`,
	api.OpUntagResource:                       `{"TagKeys":["Team","Cost"]}`,
	api.OpEncrypt:                             `{"EncryptionContext":{"App":"pay","Env":"prod"},"EncryptionAlgorithm":"RSAES_OAEP_SHA_1"}`,
	api.OpDecrypt:                             `{"EncryptionContext":{"App":"pay","Env":"prod"},"EncryptionAlgorithm":"RSAES_OAEP_SHA_1"}`,
	api.OpReEncrypt:                           `{"SourceEncryptionContext":{"App":"pay","Env":"prod"},"SourceEncryptionAlgorithm":"RSAES_OAEP_SHA_1","DestinationEncryptionContext":{"App":"new"}}`,
	api.OpGenerateDataKey:                     `{"EncryptionContext":{"App":"pay","Env":"prod"}}`,
	api.OpGenerateDataKeyWithoutPlaintext:     `{"EncryptionContext":{"App":"pay","Env":"prod"}}`,
	api.OpGenerateDataKeyPair:                 `{"EncryptionContext":{"App":"pay","Env":"prod"},"KeyPairSpec":"ECC_NIST_P256"}`,
	api.OpGenerateDataKeyPairWithoutPlaintext: `{"EncryptionContext":{"App":"pay","Env":"prod"},"KeyPairSpec":"ECC_NIST_P256"}`,
	api.OpCreateGrant: `{"GranteePrincipal":"arn:aws:iam::1:user/g","RetiringPrincipal":"arn:aws:iam::1:user/r","GranteeServicePrincipal":"a.amazonaws.com",
		"RetiringServicePrincipal":"b.amazonaws.com","Operations":["Decrypt","Encrypt"],
		"Constraints":{"EncryptionContextSubset":{"App":"pay","Env":"prod"},"SourceArn":"arn:aws:logs:eu-west-1:1:x"}}`,
	api.OpImportKeyMaterial:      `{"ValidTo":1800000000,"ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"}`,
	api.OpGetParametersForImport: `{"WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_4096"}`,
	api.OpDeriveSharedSecret:     `{"KeyAgreementAlgorithm":"ECDH"}`,
	api.OpEncapsulate:            `{"EncapsulationAlgorithm":"ML_KEM_768"}`,
	api.OpDecapsulate:            `{"EncapsulationAlgorithm":"ML_KEM_768"}`,
	api.OpGenerateMac:            `{"MacAlgorithm":"HMAC_SHA_256"}`,
	api.OpVerifyMac:              `{"MacAlgorithm":"HMAC_SHA_256"}`,
	api.OpSign:                   `{"MessageType":"DIGEST","SigningAlgorithm":"ECDSA_SHA_256"}`,
	api.OpVerify:                 `{"MessageType":"DIGEST","SigningAlgorithm":"ECDSA_SHA_256"}`,
	api.OpUpdatePrimaryRegion:    `{"PrimaryRegion":"eu-west-2"}`,
	api.OpEnableKeyRotation:      `{"RotationPeriodInDays":180}`,
	api.OpScheduleKeyDeletion:    `{"PendingWindowInDays":9}`,
}

// values are what the keys of AWS KMS have in those requests; "op:name" is for
// one operation. Sets are joined with a bar.
var values = map[string]string{
	"kms:CallerAccount": "111122223333", "kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
	"CreateKey:kms:KeySpec": "RSA_2048", "CreateKey:kms:CustomerMasterKeySpec": "RSA_2048",
	"kms:KeyUsage": "ENCRYPT_DECRYPT", "kms:CustomerMasterKeyUsage": "ENCRYPT_DECRYPT",
	"CreateKey:kms:KeyUsage": "SIGN_VERIFY", "CreateKey:kms:CustomerMasterKeyUsage": "SIGN_VERIFY",
	"kms:KeyOrigin": "AWS_KMS", "CreateKey:kms:KeyOrigin": "EXTERNAL", "kms:MultiRegion": "true", "kms:MultiRegionKeyType": "PRIMARY",
	"kms:ResourceAliases": "alias/a|alias/b", "kms:BypassPolicyLockoutSafetyCheck": "true", "kms:DataKeyPairSpec": "ECC_NIST_P256",
	"kms:EncapsulationAlgorithm": "ML_KEM_768", "kms:EncryptionAlgorithm": "RSAES_OAEP_SHA_1",
	"GenerateDataKey:kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "GenerateDataKeyWithoutPlaintext:kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
	"GenerateDataKeyPair:kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "GenerateDataKeyPairWithoutPlaintext:kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
	"kms:EncryptionContext:App": "pay", "kms:EncryptionContextKeys": "App|Env",
	"kms:ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE", "kms:ValidTo": "1800000000",
	"kms:WrappingAlgorithm": "RSAES_OAEP_SHA_256", "kms:WrappingKeySpec": "RSA_4096",
	"kms:GrantConstraintType": "EncryptionContextSubset", "kms:GrantConstraintSourceArn": "arn:aws:logs:eu-west-1:1:x",
	"kms:GranteePrincipal": "arn:aws:iam::1:user/g", "kms:RetiringPrincipal": "arn:aws:iam::1:user/r",
	"kms:GranteeServicePrincipal": "a.amazonaws.com", "kms:RetiringServicePrincipal": "b.amazonaws.com",
	"kms:GrantOperations": "Decrypt|Encrypt", "kms:GrantIsForAWSResource": "false", "kms:KeyAgreementAlgorithm": "ECDH",
	"kms:MacAlgorithm": "HMAC_SHA_256", "kms:MessageType": "DIGEST", "kms:SigningAlgorithm": "ECDSA_SHA_256",
	"kms:PrimaryRegion": "eu-west-2", "kms:ReplicaRegion": "eu-west-2", "kms:ReEncryptOnSameKey": "true", "kms:RequestAlias": "alias/a",
	"kms:RotationPeriodInDays": "180", "kms:ScheduleKeyDeletionPendingWindowInDays": "9", "kms:TrailingDaysWithoutKeyUsage": "40",
	"aws:PrincipalAccount": "111122223333", "aws:PrincipalTag/App": "web", "aws:PrincipalIsAWSService": "false",
	"aws:CurrentTime": "2026-11-23T04:05:06Z", "aws:EpochTime": "1795406706", "aws:SecureTransport": "true", "aws:UserAgent": "agent/1",
	"aws:RequestedRegion": "eu-west-1", "aws:ViaAWSService": "false", "aws:ResourceAccount": "111122223333",
	"aws:SourceArn": "", "aws:SourceAccount": "", // of services that call
	"aws:ResourceTag/App": "payroll", "aws:RequestTag/Team": "red", "aws:TagKeys": "Team|Cost",
}

var (
	user = identity.Caller{
		Account: "111122223333", PrincipalARN: "arn:aws:iam::111122223333:user/u", PrincipalID: "AIDAU", Type: identity.TypeUser, UserName: "u",
		Permissions: &identity.Permissions{ID: "AIDAU", Tags: map[string]string{"app": "web"}},
	}
	session = identity.Caller{
		Account: "111122223333", PrincipalARN: "arn:aws:sts::111122223333:assumed-role/r/s", PrincipalID: "AROAR:s", Type: identity.TypeSession,
		Permissions: &identity.Permissions{ID: "AROAR", Tags: map[string]string{"app": "web"}},
		Session: &identity.Session{
			Name: "s", RoleARN: "arn:aws:iam::111122223333:role/r", Issued: time.Unix(1_795_400_000, 0), SourceIdentity: "alice",
		},
	}
	someKey = &key.Key{
		Partition: "aws", Region: "eu-west-1", Account: "111122223333", ID: "k", ARN: "arn:aws:kms:eu-west-1:111122223333:key/k",
		Spec: key.SymmetricDefault, Usage: key.EncryptDecrypt, Origin: key.OriginAWSKMS, MultiRegion: true, PrimaryRegion: "eu-west-1",
		Tags: map[string]string{"App": "payroll", "Twice": "one", "TWICE": "two"}, Aliases: []string{"alias/a", "alias/b"},
	}
	plain   = authz.Environment{Time: time.Unix(1_795_406_706, 0), SourceIP: "192.0.2.7", UserAgent: "agent/1", TLS: true, Region: "eu-west-1", Partition: "aws"}
	private = func() authz.Environment {
		e := plain
		e.Endpoint = &authz.Endpoint{ID: "vpce-1", VPC: "vpc-1"}
		return e
	}()
)

// requestOf is a request for an operation as the pipeline makes it.
func requestOf(t testing.TB, op api.Op, body string, caller *identity.Caller, env authz.Environment) *authz.Request {
	t.Helper()
	in, err := api.Decode(op, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r := &authz.Request{Op: op, Action: optable.Of(op).Actions[0], Caller: caller, In: in, Environment: env}
	switch optable.Of(op).Target {
	case optable.None, optable.FilterKey, optable.KeyStore:
	default:
		r.On(someKey)
		r.Identifier, r.Other = "alias/a", someKey
		r.UnusedDays, r.Tracked = 40, true
	}
	if op == api.OpRetireGrant {
		r.Constraint = authz.Constraint{Type: "EncryptionContextSubset", Context: api.EncryptionContext{{Key: "App", Value: "pay"}, {Key: "Env", Value: "prod"}}}
	}
	return r
}

// shown is a key's values as the table above writes them.
func shown(v policy.Values) string {
	if v.Multi {
		return strings.Join(v.Set, "|")
	}
	return v.One
}

// TestEveryConditionKeyOnEveryOperation: it is there, with its value, where the
// table of keys says so, and nowhere else.
func TestEveryConditionKeyOnEveryOperation(t *testing.T) {
	t.Parallel()
	callers := map[string]struct {
		caller *identity.Caller
		env    authz.Environment
		values map[string]string // of this caller's; "" is absent
	}{
		"a user": {&user, plain, map[string]string{
			"aws:PrincipalArn": user.PrincipalARN, "aws:PrincipalType": "User", "aws:userid": "AIDAU", "aws:username": "u", "aws:SourceIp": "192.0.2.7",
			"aws:TokenIssueTime": "", "aws:MultiFactorAuthPresent": "", "aws:SourceIdentity": "", "aws:VpcSourceIp": "", "aws:SourceVpc": "", "aws:SourceVpce": "",
		}},
		"a session, by an endpoint": {&session, private, map[string]string{
			"aws:PrincipalArn": "arn:aws:iam::111122223333:role/r", "aws:PrincipalType": "AssumedRole", "aws:userid": "AROAR:s", "aws:username": "", "aws:SourceIp": "",
			"aws:TokenIssueTime": "2026-11-23T02:13:20Z", "aws:MultiFactorAuthPresent": "false", "aws:SourceIdentity": "alice",
			"aws:VpcSourceIp": "192.0.2.7", "aws:SourceVpc": "vpc-1", "aws:SourceVpce": "vpce-1",
		}},
	}
	for who, c := range callers {
		for _, op := range api.Ops() {
			body := bodies[op]
			if body == "" {
				body = "{}"
			}
			r := requestOf(t, op, body, c.caller, c.env)
			for _, k := range condkey.All() {
				name := k.Name
				switch {
				case k.ID == condkey.RequestTag:
					name += "Team"
				case k.Family:
					name += "App"
				}
				want, told := c.values[name]
				if !told {
					want, told = values[op.String()+":"+name]
				}
				if !told {
					want, told = values[name]
				}
				if k.Never != !told {
					t.Fatalf("%s: what value it has is not written down, or it never has one", name)
				}
				v := r.Values(strings.ToLower(name))
				has := k.Ops.Has(op) && want != ""
				if v.Present != has || has && (v.Multi != k.Multi || shown(v) != want) {
					t.Errorf("%s, %s on %s: %+v, want %q (there: %v)", who, name, op, v, want, has)
				}
				if has {
					checkType(t, k, v)
				}
			}
		}
	}
}

// checkType checks that operators of a key's type can compare its values.
func checkType(t *testing.T, k condkey.Key, v policy.Values) {
	t.Helper()
	var err error
	switch k.Type {
	case condkey.Numeric, condkey.Epoch:
		_, err = strconv.ParseInt(v.One, 10, 64)
	case condkey.Bool:
		_, err = strconv.ParseBool(v.One)
	case condkey.Date:
		_, err = time.Parse(time.RFC3339, v.One)
	case condkey.IP:
		_, err = netip.ParseAddr(v.One)
	case condkey.ARN:
		if !strings.HasPrefix(v.One, "arn:") {
			err = fmt.Errorf("%q is no ARN", v.One)
		}
	}
	if err != nil {
		t.Errorf("%s: %v", k.Name, err)
	}
}

// TestDefaultsOfParameters: a condition holds for what a request leaves out, as
// AWS says.
func TestDefaultsOfParameters(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		op        api.Op
		key, want string
	}{
		{api.OpCreateKey, "kms:keyspec", "SYMMETRIC_DEFAULT"}, {api.OpCreateKey, "kms:keyusage", "ENCRYPT_DECRYPT"}, {api.OpCreateKey, "kms:keyorigin", "AWS_KMS"},
		{api.OpCreateKey, "kms:multiregion", "false"}, {api.OpCreateKey, "kms:multiregionkeytype", ""}, {api.OpCreateKey, "kms:bypasspolicylockoutsafetycheck", "false"},
		{api.OpCreateKey, "aws:tagkeys", ""}, {api.OpCreateKey, "aws:requesttag/team", ""}, {api.OpPutKeyPolicy, "kms:bypasspolicylockoutsafetycheck", "false"},
		{api.OpEncrypt, "kms:encryptionalgorithm", "SYMMETRIC_DEFAULT"}, {api.OpEncrypt, "kms:encryptioncontextkeys", ""}, {api.OpEncrypt, "kms:encryptioncontext:app", ""},
		{api.OpSign, "kms:messagetype", "RAW"}, {api.OpVerify, "kms:messagetype", "RAW"}, {api.OpEnableKeyRotation, "kms:rotationperiodindays", "365"},
		{api.OpScheduleKeyDeletion, "kms:schedulekeydeletionpendingwindowindays", "30"}, {api.OpImportKeyMaterial, "kms:expirationmodel", "KEY_MATERIAL_EXPIRES"},
		{api.OpImportKeyMaterial, "kms:validto", ""}, {api.OpCreateGrant, "kms:grantconstrainttype", ""}, {api.OpCreateGrant, "kms:grantconstraintsourcearn", ""},
		{api.OpCreateGrant, "kms:encryptioncontextkeys", ""},
	} {
		r := requestOf(t, row.op, "{}", &user, plain)
		if got := r.Values(row.key); shown(got) != row.want || got.Present != (row.want != "") {
			t.Errorf("%s of %s: %+v, want %q", row.key, row.op, got, row.want)
		}
	}
}

// TestTheSidesOfReEncrypt have conditions of their own.
func TestTheSidesOfReEncrypt(t *testing.T) {
	t.Parallel()
	r := requestOf(t, api.OpReEncrypt, bodies[api.OpReEncrypt], &user, plain)
	r.Side = 1
	other := *someKey
	other.ARN += "2"
	r.Other = &other
	for key, want := range map[string]string{
		"kms:encryptioncontext:app": "new", "kms:encryptioncontextkeys": "App", "kms:encryptionalgorithm": "SYMMETRIC_DEFAULT", "kms:reencryptonsamekey": "false",
	} {
		if got := shown(r.Values(key)); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	r.Other = nil
	if got := shown(r.Values("kms:reencryptonsamekey")); got != "false" {
		t.Errorf("without another key: %q", got)
	}
}

// TestNamesThatDifferInCaseOnly: a condition key means all of them.
func TestNamesThatDifferInCaseOnly(t *testing.T) {
	t.Parallel()
	r := requestOf(t, api.OpEncrypt, `{"EncryptionContext":{"Äpp":"1","app":"","APP":"3","aPp":"4","cla\u017fs":"5"}}`, &user, plain)
	for key, want := range map[string][]string{
		"kms:encryptioncontext:app": {"", "3", "4"}, "kms:encryptioncontext:äpp": {"1"},
		"kms:encryptioncontext:claſs": {"5"}, "kms:encryptioncontext:class": nil, "aws:resourcetag/twice": {"one", "two"}, "aws:resourcetag/thrice": nil,
	} {
		v := r.Values(key)
		got := v.Set
		if v.Present && !v.Multi {
			got = []string{v.One}
		}
		slices.Sort(got)
		if v.Present != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %q", key, v, want)
		}
	}
}

// TestOtherServicesHaveTheGlobalKeys, and their own by Extra, and none of KMS.
func TestOtherServicesHaveTheGlobalKeys(t *testing.T) {
	t.Parallel()
	r := &authz.Request{Action: "iam:CreateUser", Caller: &user, Environment: plain, Extra: extra{"iam:policyarn": "p", "aws:useragent": "hypothetical"}}
	for key, want := range map[string]string{
		"iam:policyarn": "p", "aws:useragent": "hypothetical", "aws:username": "u", "aws:resourceaccount": "111122223333",
		"kms:calleraccount": "", "kms:keyspec": "", "aws:resourcetag/app": "", "aws:tagkeys": "", "iam:other": "",
	} {
		if got := shown(r.Values(key)); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

type extra map[string]string

func (e extra) Values(name string) policy.Values {
	v, ok := e[name]
	return policy.Values{Present: ok, One: v}
}
