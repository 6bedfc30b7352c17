package condkey

import (
	"trent/internal/api"
	"trent/internal/optable"
)

// ID is a key's place in the table.
type ID uint8

// The keys of AWS KMS, those of the key first, then those of the request.
const (
	_ ID = iota
	CallerAccount
	KeySpec
	KeyUsage
	KeyOrigin
	MultiRegion
	MultiRegionKeyType
	CustomerMasterKeySpec
	CustomerMasterKeyUsage
	ResourceAliases
	ViaService
	BypassPolicyLockoutSafetyCheck
	DataKeyPairSpec
	EncapsulationAlgorithm
	EncryptionAlgorithm
	EncryptionContext
	EncryptionContextKeys
	ExpirationModel
	ValidTo
	WrappingAlgorithm
	WrappingKeySpec
	GrantConstraintType
	GrantConstraintSourceARN
	GranteePrincipal
	RetiringPrincipal
	GranteeServicePrincipal
	RetiringServicePrincipal
	GrantOperations
	GrantIsForAWSResource
	KeyAgreementAlgorithm
	MACAlgorithm
	MessageType
	SigningAlgorithm
	PrimaryRegion
	ReplicaRegion
	ReEncryptOnSameKey
	RequestAlias
	RotationPeriodInDays
	PendingWindowInDays
	TrailingDaysWithoutKeyUsage
	RecipientAttestation

	// The global keys.
	PrincipalARN
	PrincipalAccount
	PrincipalTag
	PrincipalType
	PrincipalIsAWSService
	PrincipalServiceName
	PrincipalServiceNamesList
	PrincipalOrgID
	PrincipalOrgPaths
	UserID
	UserName
	TokenIssueTime
	MultiFactorAuthPresent
	MultiFactorAuthAge
	SourceIdentity
	FederatedProvider
	CurrentTime
	EpochTime
	SecureTransport
	SourceIP
	VPCSourceIP
	SourceVPC
	SourceVPCE
	UserAgent
	Referer
	RequestedRegion
	ViaAWSService
	CalledVia
	CalledViaFirst
	CalledViaLast
	SourceARN
	SourceAccount
	SourceOrgID
	SourceOrgPaths
	ResourceAccount
	ResourceOrgID
	ResourceOrgPaths
	ResourceTag
	RequestTag
	TagKeys

	numKeys
)

// Sets of operations that several keys share.
var (
	all = targets(func(optable.Target) bool { return true })
	// onKey are the operations that are authorized on a key.
	onKey = targets(func(t optable.Target) bool {
		return t != optable.None && t != optable.FilterKey && t != optable.KeyStore
	})
	onStore = targets(func(t optable.Target) bool { return t == optable.KeyStore }) |
		setOf(api.OpCreateCustomKeyStore, api.OpDescribeCustomKeyStores)
	onNew    = setOf(api.OpCreateKey)
	dataKey  = setOf(api.OpGenerateDataKey, api.OpGenerateDataKeyWithoutPlaintext)
	keyPair  = setOf(api.OpGenerateDataKeyPair, api.OpGenerateDataKeyPairWithoutPlaintext)
	cipher   = setOf(api.OpEncrypt, api.OpDecrypt, api.OpReEncrypt) | dataKey | keyPair
	granting = setOf(api.OpCreateGrant)
	retiring = setOf(api.OpRetireGrant)
	signing  = setOf(api.OpSign, api.OpVerify)
	aliased  = rows(func(r *optable.Row) bool { return r.Aliases })
	tagging  = setOf(api.OpCreateKey, api.OpReplicateKey, api.OpTagResource)
	attested = setOf(api.OpDecrypt, api.OpDeriveSharedSecret, api.OpGenerateDataKey, api.OpGenerateDataKeyPair, api.OpGenerateRandom)
)

func targets(in func(optable.Target) bool) Ops {
	return rows(func(r *optable.Row) bool { return in(r.Target) })
}

func rows(in func(*optable.Row) bool) (o Ops) {
	for _, op := range api.Ops() {
		if in(optable.Of(op)) {
			o |= setOf(op)
		}
	}
	return o
}

// kms is the row of a key of AWS KMS.
func kms(name string, t Type, ops Ops) Key { return Key{Name: "kms:" + name, Type: t, Ops: ops} }

// aws is the row of a global key.
func aws(name string, t Type) Key { return Key{Name: "aws:" + name, Type: t, Ops: all, Global: true} }

// family, multi, identityOnly and never change a row.
func family(k Key) Key       { k.Family = true; return k }
func multi(k Key) Key        { k.Multi = true; return k }
func identityOnly(k Key) Key { k.IdentityOnly = true; return k }
func never(k Key) Key        { k.Never = true; return k }
func on(ops Ops, k Key) Key  { k.Ops = ops; return k }

var table = numbered([numKeys]Key{
	CallerAccount:                  kms("CallerAccount", String, onKey|onStore),
	KeySpec:                        kms("KeySpec", String, onKey|onNew),
	KeyUsage:                       kms("KeyUsage", String, onKey|onNew),
	KeyOrigin:                      kms("KeyOrigin", String, onKey|onNew),
	MultiRegion:                    kms("MultiRegion", Bool, onKey|onNew),
	MultiRegionKeyType:             kms("MultiRegionKeyType", String, onKey|onNew),
	CustomerMasterKeySpec:          kms("CustomerMasterKeySpec", String, onKey|onNew),
	CustomerMasterKeyUsage:         kms("CustomerMasterKeyUsage", String, onKey|onNew),
	ResourceAliases:                identityOnly(multi(kms("ResourceAliases", String, onKey))),
	ViaService:                     never(kms("ViaService", String, onKey)),
	BypassPolicyLockoutSafetyCheck: kms("BypassPolicyLockoutSafetyCheck", Bool, onNew|setOf(api.OpPutKeyPolicy)),
	DataKeyPairSpec:                kms("DataKeyPairSpec", String, keyPair),
	EncapsulationAlgorithm:         kms("EncapsulationAlgorithm", String, setOf(api.OpEncapsulate, api.OpDecapsulate)),
	EncryptionAlgorithm:            kms("EncryptionAlgorithm", String, cipher),
	EncryptionContext:              family(kms("EncryptionContext:", String, cipher|granting|retiring)),
	EncryptionContextKeys:          multi(kms("EncryptionContextKeys", String, cipher|granting|retiring)),
	ExpirationModel:                kms("ExpirationModel", String, setOf(api.OpImportKeyMaterial)),
	ValidTo:                        kms("ValidTo", Epoch, setOf(api.OpImportKeyMaterial)),
	WrappingAlgorithm:              kms("WrappingAlgorithm", String, setOf(api.OpGetParametersForImport)),
	WrappingKeySpec:                kms("WrappingKeySpec", String, setOf(api.OpGetParametersForImport)),
	GrantConstraintType:            kms("GrantConstraintType", String, granting|retiring),
	GrantConstraintSourceARN:       kms("GrantConstraintSourceArn", ARN, granting),
	GranteePrincipal:               kms("GranteePrincipal", String, granting),
	RetiringPrincipal:              kms("RetiringPrincipal", String, granting),
	GranteeServicePrincipal:        kms("GranteeServicePrincipal", String, granting),
	RetiringServicePrincipal:       kms("RetiringServicePrincipal", String, granting),
	GrantOperations:                multi(kms("GrantOperations", String, granting)),
	GrantIsForAWSResource:          kms("GrantIsForAWSResource", Bool, granting|setOf(api.OpListGrants, api.OpRevokeGrant)),
	KeyAgreementAlgorithm:          kms("KeyAgreementAlgorithm", String, setOf(api.OpDeriveSharedSecret)),
	MACAlgorithm:                   kms("MacAlgorithm", String, setOf(api.OpGenerateMac, api.OpVerifyMac)),
	MessageType:                    kms("MessageType", String, signing),
	SigningAlgorithm:               kms("SigningAlgorithm", String, signing),
	PrimaryRegion:                  kms("PrimaryRegion", String, setOf(api.OpUpdatePrimaryRegion)),
	ReplicaRegion:                  kms("ReplicaRegion", String, setOf(api.OpReplicateKey)),
	ReEncryptOnSameKey:             kms("ReEncryptOnSameKey", Bool, setOf(api.OpReEncrypt)),
	RequestAlias:                   kms("RequestAlias", String, aliased),
	RotationPeriodInDays:           kms("RotationPeriodInDays", Numeric, setOf(api.OpEnableKeyRotation)),
	PendingWindowInDays:            kms("ScheduleKeyDeletionPendingWindowInDays", Numeric, setOf(api.OpScheduleKeyDeletion)),
	TrailingDaysWithoutKeyUsage:    kms("TrailingDaysWithoutKeyUsage", Numeric, setOf(api.OpDisableKey, api.OpScheduleKeyDeletion)),
	RecipientAttestation:           never(family(kms("RecipientAttestation:", String, attested))),

	PrincipalARN:              aws("PrincipalArn", ARN),
	PrincipalAccount:          aws("PrincipalAccount", String),
	PrincipalTag:              family(aws("PrincipalTag/", String)),
	PrincipalType:             aws("PrincipalType", String),
	PrincipalIsAWSService:     aws("PrincipalIsAWSService", Bool),
	PrincipalServiceName:      never(aws("PrincipalServiceName", String)),
	PrincipalServiceNamesList: never(multi(aws("PrincipalServiceNamesList", String))),
	PrincipalOrgID:            never(aws("PrincipalOrgID", String)),
	PrincipalOrgPaths:         never(multi(aws("PrincipalOrgPaths", String))),
	UserID:                    aws("userid", String),
	UserName:                  aws("username", String),
	TokenIssueTime:            aws("TokenIssueTime", Date),
	MultiFactorAuthPresent:    aws("MultiFactorAuthPresent", Bool),
	MultiFactorAuthAge:        never(aws("MultiFactorAuthAge", Numeric)),
	SourceIdentity:            aws("SourceIdentity", String),
	FederatedProvider:         never(aws("FederatedProvider", String)),
	CurrentTime:               aws("CurrentTime", Date),
	EpochTime:                 aws("EpochTime", Epoch),
	SecureTransport:           aws("SecureTransport", Bool),
	SourceIP:                  aws("SourceIp", IP),
	VPCSourceIP:               aws("VpcSourceIp", IP),
	SourceVPC:                 aws("SourceVpc", String),
	SourceVPCE:                aws("SourceVpce", String),
	UserAgent:                 aws("UserAgent", String),
	Referer:                   never(aws("Referer", String)),
	RequestedRegion:           aws("RequestedRegion", String),
	ViaAWSService:             aws("ViaAWSService", Bool),
	CalledVia:                 never(multi(aws("CalledVia", String))),
	CalledViaFirst:            never(aws("CalledViaFirst", String)),
	CalledViaLast:             never(aws("CalledViaLast", String)),
	SourceARN:                 aws("SourceArn", ARN),
	SourceAccount:             aws("SourceAccount", String),
	SourceOrgID:               never(aws("SourceOrgID", String)),
	SourceOrgPaths:            never(multi(aws("SourceOrgPaths", String))),
	ResourceAccount:           aws("ResourceAccount", String),
	ResourceOrgID:             never(aws("ResourceOrgID", String)),
	ResourceOrgPaths:          never(multi(aws("ResourceOrgPaths", String))),
	ResourceTag:               on(onKey, identityOnly(family(aws("ResourceTag/", String)))),
	RequestTag:                on(tagging, family(aws("RequestTag/", String))),
	TagKeys:                   on(tagging|setOf(api.OpUntagResource), multi(aws("TagKeys", String))),
})

// numbered fills in the ids.
func numbered(t [numKeys]Key) [numKeys]Key {
	for i := range t {
		t[i].ID = ID(i)
	}
	return t
}
