package robustness

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"

	"trent/test/harness"
)

const (
	validation    = "ValidationException"
	notFound      = "NotFoundException"
	accessDenied  = "AccessDeniedException"
	invalidBlob   = "InvalidCiphertextException"
	serialization = "SerializationException"
	tagError      = "TagException"

	oneError     = "1 validation error detected: Value "
	notNull      = " failed to satisfy constraint: Member must not be null"
	aliasPattern = "^[a-zA-Z0-9:/_-]+$"
	noAliases    = "Key Aliases are not supported for this operation."
	incorrectKey = "The key ID in the request does not identify a CMK that can perform this operation."
	root         = "arn:aws:iam::" + harness.Account + ":root"
)

func encoded(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func zeros(n int) string { return encoded(make([]byte, n)) }

func unlike(constraint string) string {
	return " failed to satisfy constraint: Member must " + constraint
}

// constraints are requests of a wrong shape.
func (w *world) constraints() []badInput {
	in := func(o object) string { return harness.Marshal(o) }
	long := strings.Repeat("k", 2049)
	return []badInput{
		{name: "no key", operation: "Encrypt", body: in(object{"Plaintext": zeros(1)}), code: validation, message: oneError + "null at 'keyId'" + notNull},
		{name: "empty key", operation: "Encrypt", body: in(object{"KeyId": "", "Plaintext": zeros(1)}), code: validation,
			message: oneError + "'' at 'keyId'" + unlike("have length greater than or equal to 1")},
		{name: "long key", operation: "Encrypt", body: in(object{"KeyId": long, "Plaintext": zeros(1)}), code: validation,
			message: oneError + "'" + long + "' at 'keyId'" + unlike("have length less than or equal to 2048")},
		{name: "4,097 bytes", operation: "Encrypt", body: in(object{"KeyId": w.key, "Plaintext": zeros(4097)}), code: validation,
			message: oneError + "at 'plaintext'" + unlike("have length less than or equal to 4096")},
		{name: "no bytes", operation: "Encrypt", body: in(object{"KeyId": w.key, "Plaintext": ""}), code: validation,
			message: oneError + "at 'plaintext'" + unlike("have length greater than or equal to 1")},
		{name: "two faults", operation: "Encrypt", body: in(object{"KeyId": "", "Plaintext": zeros(4097)}), code: validation,
			message: "2 validation errors detected: Value '' at 'keyId'" + unlike("have length greater than or equal to 1") +
				"; Value at 'plaintext'" + unlike("have length less than or equal to 4096")},
		{name: "unknown algorithm", operation: "Encrypt", body: in(object{"KeyId": w.key, "Plaintext": zeros(1), "EncryptionAlgorithm": "ROT13"}), code: validation,
			message: oneError + "'ROT13' at 'encryptionAlgorithm'" + unlike("satisfy enum value set: […")},
		{name: "eleven grant tokens", operation: "Encrypt", body: in(object{"KeyId": w.key, "Plaintext": zeros(1), "GrantTokens": make11()}), code: validation,
			message: "1 validation error detected: Value …"},
		{name: "long ciphertext", operation: "Decrypt", body: in(object{"CiphertextBlob": zeros(6145)}), code: validation,
			message: oneError + "at 'ciphertextBlob'" + unlike("have length less than or equal to 6144")},
		{name: "neither size nor spec", operation: "GenerateDataKey", body: in(object{"KeyId": w.key}), code: validation,
			message: "Please specify either number of bytes or key spec."},
		{name: "size and spec", operation: "GenerateDataKey", body: in(object{"KeyId": w.key, "KeySpec": "AES_256", "NumberOfBytes": 32}), code: validation,
			message: "Please specify either number of bytes or key spec."},
		{name: "1,025 bytes", operation: "GenerateDataKeyWithoutPlaintext", body: in(object{"KeyId": w.key, "NumberOfBytes": 1025}), code: validation,
			message: oneError + "'1025' at 'numberOfBytes'" + unlike("have value less than or equal to 1024")},
		{name: "no size", operation: "GenerateRandom", body: "{}", code: validation, message: "NumberOfBytes is required."},
		{name: "size 0", operation: "GenerateRandom", body: in(object{"NumberOfBytes": 0}), code: validation,
			message: oneError + "'0' at 'numberOfBytes'" + unlike("have value greater than or equal to 1")},
		{name: "limit 0", operation: "ListKeys", body: in(object{"Limit": 0}), code: validation,
			message: oneError + "'0' at 'limit'" + unlike("have value greater than or equal to 1")},
		{name: "made-up marker", operation: "ListKeys", body: in(object{"Marker": "made-up"}), code: "InvalidMarkerException", message: "…"},
		{name: "limit 1,001", operation: "ListAliases", body: in(object{"Limit": 1001}), code: validation,
			message: oneError + "'1001' at 'limit'" + unlike("have value less than or equal to 1000")},
		{name: "no destination", operation: "ReEncrypt", body: in(object{"CiphertextBlob": zeros(112)}), code: validation,
			message: oneError + "null at 'destinationKeyId'" + notNull},
		{name: "spec and old spec", operation: "CreateKey", body: in(object{"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"}), code: validation,
			message: "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."},
		{name: "a usage that the spec lacks", operation: "CreateKey", body: in(object{"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}), code: validation,
			message: "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"},
		{name: "a usage that the default spec lacks", operation: "CreateKey", body: in(object{"KeyUsage": "GENERATE_VERIFY_MAC"}), code: validation,
			message: "KeyUsage GENERATE_VERIFY_MAC is not compatible with KeySpec SYMMETRIC_DEFAULT"},
		{name: "long description", operation: "CreateKey", body: in(object{"Description": strings.Repeat("d", 8193)}), code: validation, message: oneError + "'ddd…"},
		{name: "no prefix", operation: "CreateAlias", body: in(object{"AliasName": "radiology", "TargetKeyId": w.key}), code: validation,
			message: `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`},
		{name: "reserved name", operation: "CreateAlias", body: in(object{"AliasName": "alias/aws/s3", "TargetKeyId": w.key}), code: "InvalidAliasNameException", message: "…"},
		{name: "forbidden character", operation: "CreateAlias", body: in(object{"AliasName": "alias/ward 7", "TargetKeyId": w.key}), code: validation,
			message: oneError + "'alias/ward 7' at 'aliasName'" + unlike("satisfy regular expression pattern: "+aliasPattern)},
		{name: "a colon", operation: "CreateAlias", body: in(object{"AliasName": "alias/ward:7", "TargetKeyId": w.key}), code: validation,
			message: "alias/ward:7 contains invalid characters for an alias"},
		{name: "long name", operation: "CreateAlias", body: in(object{"AliasName": "alias/" + strings.Repeat("n", 251), "TargetKeyId": w.key}), code: validation,
			message: oneError + "'alias/" + strings.Repeat("n", 251) + "' at 'aliasName'" + unlike("have length less than or equal to 256")},
		{name: "nothing after the prefix", operation: "CreateAlias", body: in(object{"AliasName": "alias/", "TargetKeyId": w.key}), code: "InvalidAliasNameException", message: "…"},
		{name: "6 days", operation: "ScheduleKeyDeletion", body: in(object{"KeyId": w.key, "PendingWindowInDays": 6}), code: validation,
			message: "PendingWindowInDays must be between 7 and 30"},
		{name: "31 days", operation: "ScheduleKeyDeletion", body: in(object{"KeyId": w.key, "PendingWindowInDays": 31}), code: validation,
			message: "PendingWindowInDays must be between 7 and 30"},
		{name: "no days", operation: "ScheduleKeyDeletion", body: in(object{"KeyId": w.key, "PendingWindowInDays": 0}), code: validation,
			message: oneError + "'0' at 'pendingWindowInDays'" + unlike("have value greater than or equal to 1")},
		{name: "366 days", operation: "ScheduleKeyDeletion", body: in(object{"KeyId": w.key, "PendingWindowInDays": 366}), code: validation,
			message: oneError + "'366' at 'pendingWindowInDays'" + unlike("have value less than or equal to 365")},
		{name: "no key", operation: "ScheduleKeyDeletion", body: "{}", code: validation, message: oneError + "null at 'keyId'" + notNull},
		{name: "no algorithm", operation: "GetParametersForImport", body: in(object{"KeyId": w.key, "WrappingKeySpec": "RSA_2048"}), code: validation,
			message: oneError + "null at 'wrappingAlgorithm'" + notNull},
		{name: "another key spec", operation: "GetParametersForImport", body: in(object{"KeyId": w.key, "WrappingAlgorithm": "SM2PKE", "WrappingKeySpec": "RSA_1024"}), code: validation,
			message: oneError + "'RSA_1024' at 'wrappingKeySpec'" + unlike("satisfy enum value set: [RSA_2048, RSA_3072, RSA_4096, SM2]")},
		{name: "a key made here", operation: "GetParametersForImport", body: in(object{"KeyId": w.key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}),
			code: "UnsupportedOperationException", message: w.arn + " origin is AWS_KMS which is not valid for this operation."},
		{name: "no token", operation: "ImportKeyMaterial", body: in(object{"KeyId": w.key, "EncryptedKeyMaterial": zeros(1)}), code: validation, message: oneError + "null at 'importToken'" + notNull},
		{name: "long material", operation: "ImportKeyMaterial", body: in(object{"KeyId": w.key, "ImportToken": zeros(1), "EncryptedKeyMaterial": zeros(6145)}), code: validation,
			message: "1 validation error detected: Value at 'encryptedKeyMaterial'" + unlike("have length less than or equal to 6144")},
		{name: "a key made here", operation: "DeleteImportedKeyMaterial", body: in(object{"KeyId": w.key}), code: "UnsupportedOperationException",
			message: w.arn + " origin is AWS_KMS which is not valid for this operation."},
		{name: "89 days", operation: "EnableKeyRotation", body: in(object{"KeyId": w.key, "RotationPeriodInDays": 89}), code: validation,
			message: oneError + "'89' at 'rotationPeriodInDays'" + unlike("have value greater than or equal to 90")},
		{name: "2561 days", operation: "EnableKeyRotation", body: in(object{"KeyId": w.key, "RotationPeriodInDays": 2561}), code: validation,
			message: oneError + "'2561' at 'rotationPeriodInDays'" + unlike("have value less than or equal to 2560")},
		{name: "no key", operation: "DisableKeyRotation", body: "{}", code: validation, message: oneError + "null at 'keyId'" + notNull},
		{name: "no key", operation: "GetKeyLastUsage", body: "{}", code: validation, message: oneError + "null at 'keyId'" + notNull},
		{name: "no key", operation: "GetKeyRotationStatus", body: "{}", code: validation, message: oneError + "null at 'keyId'" + notNull},
		{name: "no key", operation: "RotateKeyOnDemand", body: "{}", code: validation, message: oneError + "null at 'keyId'" + notNull},
		{name: "all of it", operation: "ListKeyRotations", body: in(object{"KeyId": w.key, "IncludeKeyMaterial": "ALL"}), code: validation,
			message: oneError + "'ALL' at 'includeKeyMaterial'" + unlike("satisfy enum value set: [ALL_KEY_MATERIAL, ROTATIONS_ONLY]")},
		{name: "no page", operation: "ListKeyRotations", body: in(object{"KeyId": w.key, "Limit": 0}), code: validation,
			message: oneError + "'0' at 'limit'" + unlike("have value greater than or equal to 1")},
		{name: "a made-up marker", operation: "ListKeyRotations", body: in(object{"KeyId": w.key, "Marker": "page2"}), code: "InvalidMarkerException", message: "…"},
		{name: "no Region", operation: "ReplicateKey", body: in(object{"KeyId": w.key}), code: validation, message: oneError + "null at 'replicaRegion'" + notNull},
		{name: "no Region's name", operation: "ReplicateKey", body: in(object{"KeyId": w.key, "ReplicaRegion": "elsewhere"}), code: validation, message: oneError + "'elsewhere' at 'replicaRegion'…"},
		{name: "a single-Region key", operation: "ReplicateKey", body: in(object{"KeyId": w.key, "ReplicaRegion": "us-west-2"}), code: "UnsupportedOperationException",
			message: w.arn + " is not a multi-region primary key."},
		{name: "a disabled key", operation: "ReplicateKey", body: in(object{"KeyId": w.disabled, "ReplicaRegion": "us-west-2"}), code: "DisabledException", message: w.disabledARN + " is disabled."},
		{name: "a key pending deletion", operation: "ReplicateKey", body: in(object{"KeyId": w.pending, "ReplicaRegion": "us-west-2"}), code: "KMSInvalidStateException",
			message: w.pendingARN + " is pending deletion."},
		{name: "no Region", operation: "UpdatePrimaryRegion", body: in(object{"KeyId": w.key}), code: validation, message: oneError + "null at 'primaryRegion'" + notNull},
		{name: "a single-Region key", operation: "UpdatePrimaryRegion", body: in(object{"KeyId": w.key, "PrimaryRegion": "us-west-2"}), code: "UnsupportedOperationException",
			message: w.arn + " is not a multi-region primary key."},
		{name: "no key", operation: "CancelKeyDeletion", body: "{}", code: validation, message: oneError + "null at 'keyId'" + notNull},
		{name: "no name", operation: "DeleteAlias", body: "{}", code: validation, message: oneError + "null at 'aliasName'" + notNull},
		{name: "an ARN for a name", operation: "DeleteAlias", body: in(object{"AliasName": w.account + "alias/taken"}), code: validation, message: "…"},
	}
}

func make11() (tokens []string) {
	for i := range 11 {
		tokens = append(tokens, fmt.Sprint("token", i))
	}
	return tokens
}

// identifiers are keys and aliases that are not there, or not for the caller.
func (w *world) identifiers() []badInput {
	none := "Key '" + w.account + "key/" + w.unknown + "' does not exist"
	rows := []badInput{
		{name: "alias taken", operation: "CreateAlias", body: harness.Marshal(object{"AliasName": "alias/taken", "TargetKeyId": w.other}),
			code: "AlreadyExistsException", message: "An alias with the name " + w.account + "alias/taken already exists"},
		{name: "alias as target", operation: "CreateAlias", body: harness.Marshal(object{"AliasName": "alias/new", "TargetKeyId": "alias/taken"}),
			code: "InvalidArnException", message: noAliases},
		{name: "unknown target", operation: "CreateAlias", body: harness.Marshal(object{"AliasName": "alias/new", "TargetKeyId": w.unknown}), code: notFound, message: none},
		{name: "unknown alias", operation: "DeleteAlias", body: harness.Marshal(object{"AliasName": "alias/none"}), code: notFound,
			message: "Alias " + w.account + "alias/none is not found."},
		{name: "an AWS managed key's alias", operation: "DeleteAlias", body: harness.Marshal(object{"AliasName": "alias/aws/s3"}), code: notFound,
			message: "Alias " + w.account + "alias/aws/s3 is not found."},
		{name: "unknown filter", operation: "ListAliases", body: harness.Marshal(object{"KeyId": w.unknown}), code: notFound, message: none},
	}
	for _, operation := range []string{"DescribeKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion",
		"Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"} {
		aliases := operation == "DescribeKey" || operation == "Encrypt" || strings.HasPrefix(operation, "Generate")
		more := object{}
		if operation == "Encrypt" {
			more["Plaintext"] = zeros(1)
		}
		if strings.HasPrefix(operation, "Generate") {
			more["KeySpec"] = "AES_256"
		}
		rows = append(rows, w.namedBadly(operation, "KeyId", more, aliases)...)
	}
	return rows
}

// namedBadly are calls of an operation whose member names a key that is not
// there, not the caller's, or not named as the operation takes it. more is the
// rest of the request.
func (w *world) namedBadly(operation, member string, more object, aliases bool) (rows []badInput) {
	row := func(name, key, code, message string) {
		in := maps.Clone(more)
		in[member] = key
		rows = append(rows, badInput{name: name, operation: operation, body: harness.Marshal(in), code: code, message: message})
	}
	denied := func(resource string) string {
		return "User: " + root + " is not authorized to perform: kms:" + operation + " on resource: " + resource +
			" because no resource-based policy allows the kms:" + operation + " action"
	}
	none := "Key '" + w.account + "key/" + w.unknown + "' does not exist"
	row("unknown key", w.unknown, notFound, none)
	row("unknown ARN", w.account+"key/"+w.unknown, notFound, none)
	row("no UUID", w.unmatched, notFound, "Invalid keyId '"+w.unmatched+"'")
	row("words", "my key", notFound, "Invalid keyId 'my key'")
	row("another Region", w.elsewhereARN, notFound, "Invalid arn us-west-2")
	row("another partition", strings.Replace(w.arn, "arn:aws:", "arn:aws-cn:", 1), notFound, "Invalid arn aws-cn")
	row("another account", w.foreignARN, accessDenied, denied(w.foreignARN))
	strange := "arn:aws:kms:" + harness.Region + ":999988887777:key/" + w.unknown
	row("an account that is none", strange, accessDenied, denied(strange))
	if aliases {
		row("unknown alias", "alias/none", notFound, "Alias "+w.account+"alias/none is not found.")
		row("unknown alias ARN", w.account+"alias/none", notFound, "Alias "+w.account+"alias/none is not found.")
		row("an AWS managed key's alias", "alias/aws/s3", notFound, "Alias "+w.account+"alias/aws/s3 is not found.")
	} else {
		row("alias", "alias/taken", "InvalidArnException", noAliases)
		row("alias ARN", w.account+"alias/taken", "InvalidArnException", noAliases)
	}
	return rows
}

// ciphertexts are blobs that do not decrypt, for Decrypt and for ReEncrypt.
func (w *world) ciphertexts() (rows []badInput) {
	flipped := func(at int) []byte {
		b := bytes.Clone(w.blob)
		b[at] ^= 1
		return b
	}
	context := object{"a": "b"}
	add := func(name string, blob, context, key any, code, message string) {
		decrypt := object{"CiphertextBlob": blob, "EncryptionContext": context}
		reEncrypt := object{"CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": w.other}
		if key != nil {
			decrypt["KeyId"], reEncrypt["SourceKeyId"] = key, key
		}
		rows = append(rows,
			badInput{name: name, operation: "Decrypt", body: harness.Marshal(decrypt), code: code, message: message},
			badInput{name: name, operation: "ReEncrypt", body: harness.Marshal(reEncrypt), code: code,
				message: strings.ReplaceAll(message, "kms:Decrypt", "kms:ReEncryptFrom")})
	}
	unknown := "User: " + root + " is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because the resource " +
		"does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
	good := encoded(w.blob)
	add("no context", good, object{}, nil, invalidBlob, "")
	add("context of other case", good, object{"A": "b"}, nil, invalidBlob, "")
	add("context cut elsewhere", good, object{"ab": ""}, nil, invalidBlob, "")
	add("context with a pair more", good, object{"a": "b", "c": "d"}, nil, invalidBlob, "")
	add("no blob of ours", zeros(112), context, nil, invalidBlob, "")
	add("one byte", zeros(1), context, nil, invalidBlob, "")
	add("cut by a byte", encoded(w.blob[:len(w.blob)-1]), context, nil, invalidBlob, "")
	add("header only", encoded(w.blob[:36]), context, nil, invalidBlob, "")
	add("a byte more", encoded(append(bytes.Clone(w.blob), 0)), context, nil, invalidBlob, "")
	add("magic flipped", encoded(flipped(0)), context, nil, invalidBlob, "")
	add("suite flipped", encoded(flipped(2)), context, nil, invalidBlob, "")
	add("flags flipped", encoded(flipped(3)), context, nil, invalidBlob, "")
	add("material flipped", encoded(flipped(10)), context, nil, accessDenied, unknown)
	add("nonce flipped", encoded(flipped(40)), context, nil, invalidBlob, "")
	add("ciphertext flipped", encoded(flipped(64)), context, nil, invalidBlob, "")
	add("tag flipped", encoded(flipped(len(w.blob)-1)), context, nil, invalidBlob, "")
	add("wrong key", good, context, w.otherARN, "IncorrectKeyException", incorrectKey)
	add("wrong key, disabled", good, context, w.disabled, "IncorrectKeyException", incorrectKey)
	add("material flipped, key given", encoded(flipped(10)), context, w.key, "IncorrectKeyException", incorrectKey)
	add("no blob of ours, key given", zeros(112), context, w.key, invalidBlob, "")
	add("unknown key given", good, context, w.unknown, notFound, "Key '"+w.account+"key/"+w.unknown+"' does not exist")
	add("ciphertext of another account", w.ofAccount, object{}, nil, accessDenied, unknown)
	add("ciphertext of another account, own key given", w.ofAccount, object{}, w.key, "IncorrectKeyException", incorrectKey)
	add("ciphertext of another Region", w.ofRegion, object{}, nil, accessDenied, unknown)
	return append(rows, badInput{name: "unknown destination", operation: "ReEncrypt", code: notFound,
		body:    harness.Marshal(object{"CiphertextBlob": good, "SourceEncryptionContext": context, "DestinationKeyId": w.unknown}),
		message: "Key '" + w.account + "key/" + w.unknown + "' does not exist"})
}

// states are uses of a disabled key.
func (w *world) states() (rows []badInput) {
	for operation, in := range map[string]object{
		"Encrypt":                         {"KeyId": w.disabled, "Plaintext": zeros(1)},
		"Decrypt":                         {"CiphertextBlob": w.ofDisabled},
		"GenerateDataKey":                 {"KeyId": w.disabledARN, "KeySpec": "AES_256"},
		"GenerateDataKeyWithoutPlaintext": {"KeyId": w.disabled, "KeySpec": "AES_256"},
		"ReEncrypt":                       {"CiphertextBlob": w.ofDisabled, "DestinationKeyId": w.key},
	} {
		rows = append(rows, badInput{name: "disabled key", operation: operation, body: harness.Marshal(in),
			code: "DisabledException", message: w.disabledARN + " is disabled."})
	}
	return append(rows, badInput{name: "disabled destination", operation: "ReEncrypt", code: "DisabledException",
		body:    harness.Marshal(object{"CiphertextBlob": encoded(w.blob), "SourceEncryptionContext": object{"a": "b"}, "DestinationKeyId": w.disabled}),
		message: w.disabledARN + " is disabled."})
}

// pendingDeletion are calls that a key pending deletion refuses, and the one
// that every other key refuses.
func (w *world) pendingDeletion() (rows []badInput) {
	for operation, in := range map[string]object{
		"Encrypt":                         {"KeyId": w.pending, "Plaintext": zeros(1)},
		"Decrypt":                         {"CiphertextBlob": w.ofPending},
		"GenerateDataKey":                 {"KeyId": w.pendingARN, "KeySpec": "AES_256"},
		"GenerateDataKeyWithoutPlaintext": {"KeyId": w.pending, "KeySpec": "AES_256"},
		"ReEncrypt":                       {"CiphertextBlob": w.ofPending, "DestinationKeyId": w.key},
		"EnableKey":                       {"KeyId": w.pending},
		"DisableKey":                      {"KeyId": w.pending},
		"ScheduleKeyDeletion":             {"KeyId": w.pending, "PendingWindowInDays": 7},
		"CreateAlias":                     {"AliasName": "alias/new", "TargetKeyId": w.pending},
		"UpdateAlias":                     {"AliasName": "alias/taken", "TargetKeyId": w.pending},
		"UpdateKeyDescription":            {"KeyId": w.pending, "Description": "changed"},
		"TagResource":                     {"KeyId": w.pendingARN, "Tags": []object{{"TagKey": "a", "TagValue": "b"}}},
		"UntagResource":                   {"KeyId": w.pending, "TagKeys": []string{"tagged"}},
	} {
		rows = append(rows, badInput{name: "key pending deletion", operation: operation, body: harness.Marshal(in),
			code: "KMSInvalidStateException", message: w.pendingARN + " is pending deletion."})
	}
	for name, key := range map[string][2]string{"enabled key": {w.key, w.arn}, "disabled key": {w.disabled, w.disabledARN}} {
		rows = append(rows, badInput{name: name, operation: "CancelKeyDeletion", body: harness.Marshal(object{"KeyId": key[0]}),
			code: "KMSInvalidStateException", message: key[1] + " is not pending deletion."})
	}
	return rows
}

// serialization are bodies that are no request at all. The texts are ours: AWS
// names the classes of its parser.
func (w *world) serialization() (rows []badInput) {
	key := `"KeyId":"` + w.key + `"`
	for name, body := range map[string]string{
		"not JSON":                       `KeyId=1`,
		"cut":                            `{` + key + `,"Plaintext":"AA`,
		"a list":                         `[]`,
		"a string":                       `"KeyId"`,
		"null":                           `null`,
		"something after it":             `{` + key + `,"Plaintext":"AA=="}{}`,
		"a number for a string":          `{"KeyId":7,"Plaintext":"AA=="}`,
		"an object for a string":         `{"KeyId":{},"Plaintext":"AA=="}`,
		"invalid base64":                 `{` + key + `,"Plaintext":"A*=="}`,
		"base64 without padding":         `{` + key + `,"Plaintext":"AA"}`,
		"base64 of the URL alphabet":     `{` + key + `,"Plaintext":"_-8="}`,
		"a member twice":                 `{` + key + `,` + key + `,"Plaintext":"AA=="}`,
		"a context key twice":            `{` + key + `,"Plaintext":"AA==","EncryptionContext":{"a":"b","a":"c"}}`,
		"a context key twice, escaped":   `{` + key + `,"Plaintext":"AA==","EncryptionContext":{"a":"b","\u0061":"c"}}`,
		"null in a context":              `{` + key + `,"Plaintext":"AA==","EncryptionContext":{"a":null}}`,
		"a lone surrogate":               `{` + key + `,"Plaintext":"AA==","EncryptionContext":{"a":"\ud800"}}`,
		"invalid UTF-8":                  `{` + key + `,"Plaintext":"AA==","EncryptionContext":{"a":"` + "\xff" + `"}}`,
		"a raw line break in a string":   "{" + key + `,"Plaintext":"AA==","EncryptionContext":{"a":"` + "\n" + `"}}`,
		"deep lists":                     `{` + key + `,"Plaintext":"AA==","More":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`,
		"deep objects":                   `{` + key + `,"Plaintext":"AA==","More":` + strings.Repeat(`{"a":`, 2000) + `1` + strings.Repeat("}", 2000) + `}`,
		"a comma too many":               `{` + key + `,}`,
		"a number for a map":             `{` + key + `,"Plaintext":"AA==","EncryptionContext":1}`,
		"a string for a truth value":     `{` + key + `,"Plaintext":"AA==","DryRun":"true"}`,
		"a number in a context":          `{` + key + `,"Plaintext":"AA==","EncryptionContext":{"a":1}}`,
		"a list of numbers for a string": `{` + key + `,"Plaintext":[1,2,3]}`,
	} {
		rows = append(rows, badInput{name: name, operation: "Encrypt", body: body, code: serialization, message: "…"})
	}
	for name, body := range map[string]string{
		"a fraction":    `{"NumberOfBytes":1.5}`,
		"a huge number": `{"NumberOfBytes":99999999999999999999}`,
		"a string":      `{"NumberOfBytes":"1"}`,
	} {
		rows = append(rows, badInput{name: name, operation: "GenerateRandom", body: body, code: serialization, message: "…"})
	}
	return rows
}
