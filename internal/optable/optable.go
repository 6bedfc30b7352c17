// Package optable is the table of what the operations need besides their
// shapes, one row an operation: what they name, which key states they bear,
// whether they work across accounts, whether a grant can allow them. The
// pipeline reads it; each column says if nothing does yet. Its tests hold it
// against the model of the API.
//
// It must hold facts only, no behaviour. Everyone on the service's side may
// import it. Source: the AWS KMS Developer Guide's tables of permissions, key
// states and request quotas.
package optable

import (
	"trent/internal/api"
	"trent/internal/key"
)

// Target says what a request names.
type Target uint8

// The targets.
const (
	None        Target = iota // an account and Region only
	OneKey                    // KeyId, or TargetKeyId
	FilterKey                 // KeyId if given: a filter of a list, authorized without the key
	Ciphertext                // the key that the ciphertext names; KeyId if given must own it
	TwoKeys                   // ReEncrypt: source as Ciphertext, destination as OneKey
	AliasName                 // AliasName, and the key that it points to
	AliasAndKey               // UpdateAlias: AliasName, the key that it points to, and TargetKeyId as OneKey
	KeyStore                  // a custom key store
	Token                     // RetireGrant: a grant token, or KeyId and GrantId
)

// Class says which request quota an operation counts in: internal/throttle has the
// classes themselves.
type Class uint8

// The classes. Crypto's depends on the type of the key, DataKeyPair's on the spec of the
// pair.
const (
	Own Class = iota // the operation's alone
	Crypto
	DataKeyPair
)

// A Row is what the table says of one operation.
type Row struct {
	Target       Target
	Actions      [2]string // IAM actions, on the first and the second key
	Aliases      bool      // KeyId may be an alias name or alias ARN
	CrossAccount bool      // the key may be another account's
	GrantOp      bool      // a grant can allow it; read once there are grants
	Mutates      bool      // CloudTrail: readOnly false
	RecordsKey   bool      // CloudTrail: responseElements has the key's ARN, although the answer does not
	DryRun       bool      // the request has DryRun; the pipeline asks the request itself
	Class        Class
	Usage        key.Usage // that the key must have; empty: any
	States       key.States
}

// Rows of the key-state table that several operations share. Columns: Enabled,
// Disabled, PendingDeletion, PendingImport, Unavailable, Creating, Updating.
var (
	anyState = key.States{}
	cryptoOp = key.States{
		Disabled: key.IsDisabled, PendingDeletion: key.IsPendingDeletion, PendingImport: key.IsPendingImport,
		Unavailable: key.IsUnavailable, Creating: key.IsCreating,
	}
	dataKeyPair = key.States{
		Disabled: key.IsDisabled, PendingDeletion: key.IsPendingDeletion, PendingImport: key.IsPendingImport,
		Unavailable: key.WrongOrigin, Creating: key.IsCreating,
	}
	publicKey = key.States{PendingDeletion: key.IsPendingDeletion, Unavailable: key.IsUnavailable, Creating: key.IsCreating}
	grant     = key.States{
		Disabled: key.IsDisabled, PendingDeletion: key.IsPendingDeletion, PendingImport: key.IsPendingImport, Creating: key.IsCreating,
	}
	describing = key.States{PendingDeletion: key.IsPendingDeletion}
	switching  = key.States{
		PendingDeletion: key.IsPendingDeletion, PendingImport: key.IsPendingImport, Creating: key.IsCreating, Updating: key.IsUpdating,
	}
	scheduling = key.States{PendingDeletion: key.IsPendingDeletion, Updating: key.IsUpdating}
	cancelling = key.States{
		Enabled: key.NotPendingDeletion, Disabled: key.NotPendingDeletion, PendingImport: key.NotPendingDeletion,
		Unavailable: key.NotPendingDeletion, Creating: key.NotPendingDeletion, Updating: key.NotPendingDeletion,
	}
	// The rotation and import rows depend on the key's origin and store too;
	// their operations check that themselves.
	rotating = key.States{
		Disabled: key.IsDisabled, PendingDeletion: key.IsPendingDeletion, PendingImport: key.WrongOrigin,
		Unavailable: key.WrongOrigin, Creating: key.IsCreating,
	}
	rotationStatus = key.States{PendingImport: key.WrongOrigin, Unavailable: key.WrongOrigin}
	rotatingNow    = key.States{
		Disabled: key.IsDisabled, PendingDeletion: key.IsPendingDeletion, PendingImport: key.IsPendingImport,
		Unavailable: key.WrongOrigin, Creating: key.IsCreating,
	}
	wrapping = key.States{
		PendingDeletion: key.NotForImport, Unavailable: key.WrongOrigin, Creating: key.IsCreating, Updating: key.IsUpdating,
	}
	importing   = key.States{PendingDeletion: key.NotForImport, Unavailable: key.WrongOrigin, Creating: key.IsCreating}
	erasing     = key.States{Unavailable: key.WrongOrigin, Creating: key.IsCreating, Updating: key.IsUpdating}
	replicating = key.States{
		Disabled: key.IsDisabled, PendingDeletion: key.IsPendingDeletion, PendingImport: key.IsPendingImport,
		Unavailable: key.IsUnavailable, Creating: key.IsCreating, Updating: key.IsUpdating,
	}
)

func one(action string) [2]string { return [2]string{"kms:" + action} }

// Of returns the row of an operation; the zero Op has an empty one.
func Of(op api.Op) *Row { return &rows[op] }

var rows = [api.NumOps + 1]Row{
	api.OpCancelKeyDeletion:         {Target: OneKey, Actions: one("CancelKeyDeletion"), Mutates: true, States: cancelling},
	api.OpConnectCustomKeyStore:     {Target: KeyStore, Actions: one("ConnectCustomKeyStore"), Mutates: true},
	api.OpCreateAlias:               {Target: OneKey, Actions: one("CreateAlias"), Mutates: true, RecordsKey: true, States: describing},
	api.OpCreateCustomKeyStore:      {Target: None, Actions: one("CreateCustomKeyStore"), Mutates: true},
	api.OpCreateGrant:               {Target: OneKey, Actions: one("CreateGrant"), CrossAccount: true, GrantOp: true, Mutates: true, DryRun: true, States: grant},
	api.OpCreateKey:                 {Target: None, Actions: one("CreateKey"), Mutates: true},
	api.OpDecapsulate:               crypto("Decapsulate", "ENCAPSULATE_DECAPSULATE"),
	api.OpDecrypt:                   {Target: Ciphertext, Actions: one("Decrypt"), Aliases: true, CrossAccount: true, GrantOp: true, DryRun: true, Class: Crypto, Usage: key.EncryptDecrypt, States: cryptoOp},
	api.OpDeleteAlias:               {Target: AliasName, Actions: one("DeleteAlias"), Mutates: true, RecordsKey: true},
	api.OpDeleteCustomKeyStore:      {Target: KeyStore, Actions: one("DeleteCustomKeyStore"), Mutates: true},
	api.OpDeleteImportedKeyMaterial: {Target: OneKey, Actions: one("DeleteImportedKeyMaterial"), Mutates: true, States: erasing},
	api.OpDeriveSharedSecret:        crypto("DeriveSharedSecret", "KEY_AGREEMENT"),
	api.OpDescribeCustomKeyStores:   {Target: None, Actions: one("DescribeCustomKeyStores")},
	api.OpDescribeKey:               {Target: OneKey, Actions: one("DescribeKey"), Aliases: true, CrossAccount: true, GrantOp: true, States: anyState},
	api.OpDisableKey:                {Target: OneKey, Actions: one("DisableKey"), Mutates: true, RecordsKey: true, States: switching},
	api.OpDisableKeyRotation:        {Target: OneKey, Actions: one("DisableKeyRotation"), Mutates: true, States: rotating},
	api.OpDisconnectCustomKeyStore:  {Target: KeyStore, Actions: one("DisconnectCustomKeyStore"), Mutates: true},
	api.OpEnableKey:                 {Target: OneKey, Actions: one("EnableKey"), Mutates: true, RecordsKey: true, States: switching},
	api.OpEnableKeyRotation:         {Target: OneKey, Actions: one("EnableKeyRotation"), Mutates: true, States: rotating},
	api.OpEncapsulate:               crypto("Encapsulate", "ENCAPSULATE_DECAPSULATE"),
	api.OpEncrypt:                   crypto("Encrypt", key.EncryptDecrypt),
	api.OpGenerateDataKey:           crypto("GenerateDataKey", key.EncryptDecrypt),
	api.OpGenerateDataKeyPair: {Target: OneKey, Actions: one("GenerateDataKeyPair"), Aliases: true, CrossAccount: true, GrantOp: true, DryRun: true,
		Class: DataKeyPair, Usage: key.EncryptDecrypt, States: dataKeyPair},
	api.OpGenerateDataKeyPairWithoutPlaintext: {Target: OneKey, Actions: one("GenerateDataKeyPairWithoutPlaintext"), Aliases: true, CrossAccount: true, GrantOp: true, DryRun: true,
		Class: DataKeyPair, Usage: key.EncryptDecrypt, States: dataKeyPair},
	api.OpGenerateDataKeyWithoutPlaintext: crypto("GenerateDataKeyWithoutPlaintext", key.EncryptDecrypt),
	api.OpGenerateMac:                     crypto("GenerateMac", "GENERATE_VERIFY_MAC"),
	api.OpGenerateRandom:                  {Target: None, Actions: one("GenerateRandom"), Class: Crypto},
	api.OpGetKeyLastUsage:                 {Target: OneKey, Actions: one("GetKeyLastUsage"), States: anyState},
	api.OpGetKeyPolicy:                    {Target: OneKey, Actions: one("GetKeyPolicy"), States: anyState},
	api.OpGetKeyRotationStatus:            {Target: OneKey, Actions: one("GetKeyRotationStatus"), CrossAccount: true, States: rotationStatus},
	api.OpGetParametersForImport:          {Target: OneKey, Actions: one("GetParametersForImport"), States: wrapping},
	api.OpGetPublicKey:                    {Target: OneKey, Actions: one("GetPublicKey"), Aliases: true, CrossAccount: true, GrantOp: true, States: publicKey},
	api.OpImportKeyMaterial:               {Target: OneKey, Actions: one("ImportKeyMaterial"), Mutates: true, States: importing},
	api.OpListAliases:                     {Target: FilterKey, Actions: one("ListAliases")},
	api.OpListGrants:                      {Target: OneKey, Actions: one("ListGrants"), CrossAccount: true, States: anyState},
	api.OpListKeyPolicies:                 {Target: OneKey, Actions: one("ListKeyPolicies"), States: anyState},
	api.OpListKeyRotations:                {Target: OneKey, Actions: one("ListKeyRotations"), States: anyState},
	api.OpListKeys:                        {Target: None, Actions: one("ListKeys")},
	api.OpListResourceTags:                {Target: OneKey, Actions: one("ListResourceTags"), States: anyState},
	api.OpListRetirableGrants:             {Target: None, Actions: one("ListRetirableGrants"), CrossAccount: true},
	api.OpPutKeyPolicy:                    {Target: OneKey, Actions: one("PutKeyPolicy"), Mutates: true, States: anyState},
	api.OpReEncrypt: {Target: TwoKeys, Actions: [2]string{"kms:ReEncryptFrom", "kms:ReEncryptTo"}, Aliases: true, CrossAccount: true, GrantOp: true, DryRun: true,
		Class: Crypto, Usage: key.EncryptDecrypt, States: cryptoOp},
	api.OpReplicateKey:         {Target: OneKey, Actions: one("ReplicateKey"), Mutates: true, States: replicating},
	api.OpRetireGrant:          {Target: Token, Actions: one("RetireGrant"), CrossAccount: true, GrantOp: true, Mutates: true, RecordsKey: true, DryRun: true, States: anyState},
	api.OpRevokeGrant:          {Target: OneKey, Actions: one("RevokeGrant"), CrossAccount: true, Mutates: true, DryRun: true, States: anyState},
	api.OpRotateKeyOnDemand:    {Target: OneKey, Actions: one("RotateKeyOnDemand"), Mutates: true, States: rotatingNow},
	api.OpScheduleKeyDeletion:  {Target: OneKey, Actions: one("ScheduleKeyDeletion"), Mutates: true, States: scheduling},
	api.OpSign:                 crypto("Sign", "SIGN_VERIFY"),
	api.OpTagResource:          {Target: OneKey, Actions: one("TagResource"), Mutates: true, States: describing},
	api.OpUntagResource:        {Target: OneKey, Actions: one("UntagResource"), Mutates: true, RecordsKey: true, States: describing},
	api.OpUpdateAlias:          {Target: AliasAndKey, Actions: one("UpdateAlias"), Mutates: true, RecordsKey: true, States: describing},
	api.OpUpdateCustomKeyStore: {Target: KeyStore, Actions: one("UpdateCustomKeyStore"), Mutates: true},
	api.OpUpdateKeyDescription: {Target: OneKey, Actions: one("UpdateKeyDescription"), Mutates: true, States: describing},
	api.OpUpdatePrimaryRegion:  {Target: OneKey, Actions: one("UpdatePrimaryRegion"), Mutates: true, States: rotatingNow},
	api.OpVerify:               crypto("Verify", "SIGN_VERIFY"),
	api.OpVerifyMac:            crypto("VerifyMac", "GENERATE_VERIFY_MAC"),
}

// crypto is the row that the operations using a key's material have in common.
func crypto(action string, usage key.Usage) Row {
	return Row{
		Target: OneKey, Actions: one(action), Aliases: true, CrossAccount: true, GrantOp: true, DryRun: true,
		Class: Crypto, Usage: usage, States: cryptoOp,
	}
}
