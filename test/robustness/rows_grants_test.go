package robustness

import (
	"strings"

	"trent/test/harness"
)

// grants are bad inputs of the operations on grants.
func (w *world) grants() (rows []badInput) {
	const role = "arn:aws:iam::" + harness.Account + ":role/r"
	grantID := strings.Repeat("0123456789abcdef", 4)
	create := func(name, code, message string, change object) {
		in := object{"KeyId": w.key, "GranteePrincipal": role, "Operations": []string{"Decrypt"}}
		for member, value := range change {
			if in[member] = value; value == nil {
				delete(in, member)
			}
		}
		rows = append(rows, badInput{name: name, operation: "CreateGrant", body: harness.Marshal(in), code: code, message: message})
	}
	nobody := func(principal string) {
		create("no principal: "+principal, "InvalidArnException", "ARN does not refer to a valid principal: "+principal, object{"GranteePrincipal": principal})
		create("nobody to retire: "+principal, "InvalidArnException", "ARN does not refer to a valid principal: "+principal, object{"RetiringPrincipal": principal})
	}
	nobody("arn:aws:iam::" + harness.Account + ":group/g")
	nobody("arn:aws-cn:iam::" + harness.Account + ":role/r")
	nobody("AROAONE")
	nobody("ec2.amazonaws.com")
	create("no operations", validation, oneError+"null at 'operations'"+notNull, object{"Operations": nil})
	create("no operation", validation, "Grants must contain at least one operation.", object{"Operations": []string{}})
	create("CreateGrant alone", validation, "Grants must not contain only the CreateGrant operation.", object{"Operations": []string{"CreateGrant"}})
	create("an operation of signing keys", validation,
		"The operations [Sign, GetPublicKey] are not supported by KMS keys with key spec SYMMETRIC_DEFAULT and key usage ENCRYPT_DECRYPT.",
		object{"Operations": []string{"GetPublicKey", "Decrypt", "Sign"}})
	create("an operation that no grant allows", validation, oneError+"'[ScheduleKeyDeletion]' at 'operations'…", object{"Operations": []string{"ScheduleKeyDeletion"}})
	create("both constraints", validation, "More than one constraint supplied",
		object{"Constraints": object{"EncryptionContextEquals": object{}, "EncryptionContextSubset": object{"a": "1"}}})
	nine := object{}
	for _, c := range "123456789" {
		nine[string(c)] = ""
	}
	create("nine pairs", validation, "An encryption context constraint can have at most 8 pairs.", object{"Constraints": object{"EncryptionContextSubset": nine}})
	create("385 characters", validation, "Names and values in an encryption context constraint can have at most 384 characters.",
		object{"Constraints": object{"EncryptionContextEquals": object{"a": strings.Repeat("v", 385)}}})
	create("a constraint that names no resource", validation, "…", object{"Constraints": object{"SourceArn": "arn:aws:s3:::bucket"}})
	create("a name with a space", validation, oneError+"'a b' at 'name'…", object{"Name": "a b"})
	create("two grantees", validation, "You must specify exactly one of GranteePrincipal and GranteeServicePrincipal.", object{"GranteeServicePrincipal": "ec2.amazonaws.com"})
	create("a service without its resource", validation, "You must specify the SourceArn constraint in a grant to a service principal.",
		object{"GranteePrincipal": nil, "GranteeServicePrincipal": "ec2.amazonaws.com"})
	create("a made-up token", "InvalidGrantTokenException", "The grant token is not valid.", object{"GrantTokens": []string{"made-up"}})
	create("a dry run", "DryRunOperationException", "The request would have succeeded, but the DryRun option is set.", object{"DryRun": true})
	create("a disabled key", "DisabledException", w.disabledARN+" is disabled.", object{"KeyId": w.disabled})
	create("a key pending deletion", "KMSInvalidStateException", w.pendingARN+" is pending deletion.", object{"KeyId": w.pending})

	add := func(operation, name, code, message string, in object) {
		rows = append(rows, badInput{name: name, operation: operation, body: harness.Marshal(in), code: code, message: message})
	}
	for _, operation := range []string{"RetireGrant", "RevokeGrant"} {
		add(operation, "an unknown grant", notFound, "Grant ID "+grantID+" is not found.", object{"KeyId": w.arn, "GrantId": grantID})
		add(operation, "no grant id", "InvalidGrantIdException", "Grant ID grant/1 is not valid.", object{"KeyId": w.arn, "GrantId": "grant/1"})
		add(operation, "a dry run for an unknown grant", notFound, "Grant ID "+grantID+" is not found.", object{"KeyId": w.arn, "GrantId": grantID, "DryRun": true})
	}
	add("RetireGrant", "neither token nor grant", validation, "You must specify either GrantToken, or both KeyId and GrantId.", object{})
	add("RetireGrant", "a made-up token", "InvalidGrantTokenException", "The grant token is not valid.", object{"GrantToken": "made-up"})
	add("ListGrants", "no grant id", "InvalidGrantIdException", "Grant ID x is not valid.", object{"KeyId": w.key, "GrantId": "x"})
	add("ListGrants", "no principal", "InvalidArnException", "ARN does not refer to a valid principal: x", object{"KeyId": w.key, "GranteePrincipal": "x"})
	add("ListGrants", "a service", validation, "GranteeServicePrincipal can be specified only by a service principal.",
		object{"KeyId": w.key, "GranteeServicePrincipal": "ec2.amazonaws.com"})
	add("ListGrants", "made-up marker", "InvalidMarkerException", "…", object{"KeyId": w.key, "Marker": "made-up"})
	add("ListRetirableGrants", "nobody", validation, "You must specify exactly one of RetiringPrincipal and RetiringServicePrincipal.", object{})
	add("ListRetirableGrants", "a service", validation, "RetiringServicePrincipal can be specified only by a service principal.",
		object{"RetiringServicePrincipal": "ec2.amazonaws.com"})
	add("ListRetirableGrants", "another account's", "InvalidArnException", "ARN does not refer to a valid principal: arn:aws:iam::111122223333:root",
		object{"RetiringPrincipal": "arn:aws:iam::111122223333:root"})
	add("ListRetirableGrants", "made-up marker", "InvalidMarkerException", "…", object{"RetiringPrincipal": role, "Marker": "made-up"})
	for operation, more := range map[string]object{
		"CreateGrant": {"GranteePrincipal": role, "Operations": []string{"Decrypt"}}, "ListGrants": {},
		"RetireGrant": {"GrantId": grantID}, "RevokeGrant": {"GrantId": grantID},
	} {
		rows = append(rows, w.namedBadly(operation, "KeyId", more, false)...)
	}
	return rows
}
