package api

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	const alias = `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`
	const size = "Please specify either number of bytes or key spec."
	const window = "PendingWindowInDays must be between 7 and 30"
	const null = "1 validation error detected: Value null at '%' failed to satisfy constraint: Member must not be null"
	const retire = "You must specify either GrantToken, or both KeyId and GrantId."
	for _, c := range []struct {
		op         Op
		body, want string
	}{
		{OpGenerateRandom, `{}`, "NumberOfBytes is required."},
		{OpGenerateRandom, `{"NumberOfBytes":1}`, ""},
		{OpGenerateDataKey, `{}`, size},
		{OpGenerateDataKey, `{"KeySpec":"AES_256","NumberOfBytes":32}`, size},
		{OpGenerateDataKey, `{"NumberOfBytes":32}`, ""},
		{OpGenerateDataKeyWithoutPlaintext, `{"KeySpec":"AES_256","NumberOfBytes":32}`, size},
		{OpGenerateDataKeyWithoutPlaintext, `{"KeySpec":"AES_128"}`, ""},
		{OpDecrypt, `{}`, strings.Replace(null, "%", "ciphertextBlob", 1)},
		{OpDecrypt, `{"CiphertextBlob":"AA=="}`, ""},
		{OpDecrypt, `{"DryRun":true,"DryRunModifiers":[]}`, strings.Replace(null, "%", "ciphertextBlob", 1)},
		{OpDecrypt, `{"CiphertextBlob":"AA==","DryRunModifiers":["IGNORE_CIPHERTEXT"]}`, "DryRunModifiers can be specified only if DryRun is true."},
		{OpDecrypt, `{"DryRun":true,"DryRunModifiers":["IGNORE_CIPHERTEXT"]}`, strings.Replace(null, "%", "keyId", 1)},
		{OpDecrypt, `{"KeyId":"k","DryRun":true,"DryRunModifiers":["IGNORE_CIPHERTEXT"]}`, ""},
		{OpReEncrypt, `{"DryRun":true,"DryRunModifiers":["IGNORE_CIPHERTEXT"],"DestinationKeyId":"k"}`, strings.Replace(null, "%", "sourceKeyId", 1)},
		{OpReEncrypt, `{"DestinationKeyId":"k"}`, strings.Replace(null, "%", "ciphertextBlob", 1)},
		{OpReEncrypt, `{"CiphertextBlob":"AA=="}`, ""},
		{OpCreateAlias, `{"AliasName":"a"}`, alias},
		{OpUpdateAlias, `{"AliasName":"Alias/a"}`, alias},
		{OpDeleteAlias, `{"AliasName":"alias:a"}`, alias},
		{OpDeleteAlias, `{"AliasName":"alias/a"}`, ""},
		{OpCreateKey, `{}`, ""},
		{OpCreateKey, `{"KeySpec":"SYMMETRIC_DEFAULT"}`, ""},
		{OpCreateKey, `{"KeySpec":"RSA_2048"}`, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."},
		{OpCreateKey, `{"CustomerMasterKeySpec":"HMAC_256"}`, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."},
		{OpCreateKey, `{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"}`, ""},
		{OpCreateKey, `{"KeySpec":"RSA_2048","KeyUsage":"KEY_AGREEMENT"}`, "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"},
		{OpCreateKey, `{"KeyUsage":"SIGN_VERIFY"}`, "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT"},
		{OpCreateKey, `{"CustomerMasterKeySpec":"ECC_SECG_P256K1","KeyUsage":"KEY_AGREEMENT"}`, "KeyUsage KEY_AGREEMENT is not compatible with KeySpec ECC_SECG_P256K1"},
		{OpCreateKey, `{"KeySpec":"ML_KEM_768","KeyUsage":"ENCAPSULATE_DECAPSULATE"}`, ""},
		{OpCreateKey, `{"KeySpec":"RSA_2048","CustomerMasterKeySpec":"RSA_2048"}`, "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."},
		{OpScheduleKeyDeletion, `{}`, ""},
		{OpScheduleKeyDeletion, `{"PendingWindowInDays":6}`, window},
		{OpScheduleKeyDeletion, `{"PendingWindowInDays":31}`, window},
		{OpScheduleKeyDeletion, `{"PendingWindowInDays":7}`, ""},
		{OpScheduleKeyDeletion, `{"PendingWindowInDays":30}`, ""},
		{OpImportKeyMaterial, `{}`, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"},
		{OpImportKeyMaterial, `{"ValidTo":1}`, ""},
		{OpImportKeyMaterial, `{"ValidTo":1,"ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"}`, "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE"},
		{OpImportKeyMaterial, `{"ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE","ImportType":"NEW_KEY_MATERIAL","KeyMaterialId":"x"}`, "KeyMaterialId cannot be specified if the ImportType is NEW_KEY_MATERIAL"},
		{OpListGrants, `{"GranteePrincipal":"a","GranteeServicePrincipal":"b"}`, "You cannot specify GranteePrincipal and GranteeServicePrincipal in the same request."},
		{OpListGrants, `{}`, ""},
		{OpListRetirableGrants, `{}`, "You must specify exactly one of RetiringPrincipal and RetiringServicePrincipal."},
		{OpListRetirableGrants, `{"RetiringPrincipal":"a"}`, ""},
		{OpRetireGrant, `{}`, retire},
		{OpRetireGrant, `{"KeyId":"k"}`, retire},
		{OpRetireGrant, `{"GrantToken":"t","GrantId":"g"}`, retire},
		{OpRetireGrant, `{"GrantToken":"t","KeyId":"k","GrantId":"g"}`, retire},
		{OpRetireGrant, `{"GrantToken":"t"}`, ""},
		{OpRetireGrant, `{"KeyId":"k","GrantId":"g"}`, ""},
		{OpDescribeCustomKeyStores, `{"CustomKeyStoreId":"a","CustomKeyStoreName":"b"}`, "You cannot specify CustomKeyStoreId and CustomKeyStoreName in the same request."},
		{OpDescribeCustomKeyStores, `{}`, ""},
		{OpCreateGrant, `{}`, "You must specify exactly one of GranteePrincipal and GranteeServicePrincipal."},
		{OpCreateGrant, `{"GranteePrincipal":"a"}`, ""},
		{OpCreateGrant, `{"GranteePrincipal":"a","RetiringPrincipal":"b","RetiringServicePrincipal":"c"}`, "You cannot specify RetiringPrincipal and RetiringServicePrincipal in the same request."},
		{OpCreateGrant, `{"GranteePrincipal":"a","Constraints":{"EncryptionContextEquals":{},"EncryptionContextSubset":{}}}`, "More than one constraint supplied"},
		{OpCreateGrant, `{"GranteeServicePrincipal":"a"}`, "You must specify the SourceArn constraint in a grant to a service principal."},
		{OpCreateGrant, `{"GranteeServicePrincipal":"a","Constraints":{"SourceArn":"a"}}`, "You must specify RetiringPrincipal or RetiringServicePrincipal in a grant to a service principal."},
		{OpCreateGrant, `{"GranteeServicePrincipal":"a","Constraints":{"SourceArn":"a"},"RetiringPrincipal":"b"}`, ""},
		{OpListKeys, `{}`, ""},
	} {
		r, err := Decode(c.op, []byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := Check(r); err != nil {
			got = err.(*ValidationError).Message()
		}
		if got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.op, c.body, got, c.want)
		}
	}
}

// some implements four operations; calling another panics.
type some struct{ Operations[string] }

var errSome = errors.New("some error")

func (some) Encrypt(_ context.Context, c string, in *EncryptRequest) (*EncryptResponse, error) {
	return &EncryptResponse{KeyId: c + in.KeyId}, nil
}

func (some) Decrypt(context.Context, string, *DecryptRequest) (*DecryptResponse, error) {
	return nil, errSome
}

func (some) DeleteAlias(context.Context, string, *DeleteAliasRequest) error { return nil }

func (some) EnableKey(context.Context, string, *EnableKeyRequest) error { return errSome }

func TestDispatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   Request
		want string
		err  error
	}{
		{&EncryptRequest{KeyId: "k"}, `{"KeyId":"ck"}`, nil},
		{&DecryptRequest{}, "", errSome},
		{&DeleteAliasRequest{}, "", nil},
		{&EnableKeyRequest{}, "", errSome},
		{nil, "", errUnknownRequest},
	} {
		out, err := Dispatch(t.Context(), Operations[string](some{}), "c", c.in)
		got := ""
		if out != nil {
			got = string(out.AppendJSON(nil))
		}
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v: %s, %v", c.in, got, err)
		}
	}
}

// TestDispatchReachesEveryOperation calls the interface's methods by name:
// each takes its own request and none is missing.
func TestDispatchReachesEveryOperation(t *testing.T) {
	t.Parallel()
	operations := reflect.TypeFor[Operations[int]]()
	if operations.NumMethod() != NumOps {
		t.Fatalf("%d methods", operations.NumMethod())
	}
	for _, op := range Ops() {
		method, ok := operations.MethodByName(op.String())
		if !ok || method.Type.In(2) != reflect.TypeOf(NewRequest(op)) {
			t.Errorf("%s: no method of its own", op)
			continue
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: Dispatch did not call the nil interface", op)
				}
			}()
			Dispatch[int](t.Context(), nil, 0, NewRequest(op))
		}()
	}
}

func TestAccessors(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	for _, mo := range m.Operations {
		r, err := Decode(mo.op(t), marshal(t, m.validObject(t, mo.Input, "v")))
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]bool{}
		for _, mb := range mo.Input {
			has[mb.Name] = true
		}
		k, ok := r.(KeyRequest)
		if ok != has["KeyId"] {
			t.Errorf("%s: KeyRequest %v", mo.Name, ok)
		} else if ok {
			if id, there := k.KeyIdentifier(); id != "vKeyId" || !there {
				t.Errorf("%s: key %q, %v", mo.Name, id, there)
			}
		}
		g, ok := r.(GrantTokenRequest)
		if ok != has["GrantTokens"] || ok && len(g.GrantTokenList()) != 1 {
			t.Errorf("%s: GrantTokenRequest %v", mo.Name, ok)
		}
		d, ok := r.(DryRunRequest)
		if ok != has["DryRun"] || ok && !d.IsDryRun() {
			t.Errorf("%s: DryRunRequest %v", mo.Name, ok)
		}
	}
}
