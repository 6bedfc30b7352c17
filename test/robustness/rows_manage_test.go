package robustness

import (
	"fmt"
	"strings"

	"trent/test/harness"
)

// manage are bad inputs of the operations that manage keys: their
// descriptions, aliases, policies and tags.
func (w *world) manage() []badInput {
	in := func(o object) string { return harness.Marshal(o) }
	tag := func(key, value string) object { return object{"TagKey": key, "TagValue": value} }
	var many []object
	for i := range 51 {
		many = append(many, tag(fmt.Sprint("tag", i), "v"))
	}
	long, one := strings.Repeat("d", 8193), "Member must have length greater than or equal to 1"
	rows := []badInput{
		{name: "no description", operation: "UpdateKeyDescription", body: in(object{"KeyId": w.key}), code: validation,
			message: oneError + "null at 'description'" + notNull},
		{name: "long description", operation: "UpdateKeyDescription", body: in(object{"KeyId": w.key, "Description": long}), code: validation,
			message: oneError + "'ddd…"},

		{name: "another name", operation: "GetKeyPolicy", body: in(object{"KeyId": w.key, "PolicyName": "other"}), code: notFound, message: "No such policy exists"},
		{name: "the name in capitals", operation: "GetKeyPolicy", body: in(object{"KeyId": w.key, "PolicyName": "Default"}), code: notFound, message: "No such policy exists"},
		{name: "empty name", operation: "GetKeyPolicy", body: in(object{"KeyId": w.key, "PolicyName": ""}), code: validation, message: "…"},
		{name: "name with a dash", operation: "GetKeyPolicy", body: in(object{"KeyId": w.key, "PolicyName": "de-fault"}), code: validation,
			message: oneError + "'de-fault' at 'policyName'" + unlike("satisfy regular expression pattern: [\\w]+")},
		{name: "limit 0", operation: "ListKeyPolicies", body: in(object{"KeyId": w.key, "Limit": 0}), code: validation,
			message: oneError + "'0' at 'limit'" + unlike("have value greater than or equal to 1")},
		{name: "made-up marker", operation: "ListKeyPolicies", body: in(object{"KeyId": w.key, "Marker": "made-up"}), code: "InvalidMarkerException", message: "…"},

		{name: "no tags", operation: "TagResource", body: in(object{"KeyId": w.key}), code: validation, message: oneError + "null at 'tags'" + notNull},
		{name: "no value", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{{"TagKey": "a"}}}), code: validation,
			message: oneError + "null at 'tags.1.member.tagValue'" + notNull},
		{name: "long value", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag("a", ""), tag("b", strings.Repeat("v", 257))}}), code: validation,
			message: oneError + "'" + strings.Repeat("v", 257) + "' at 'tags.2.member.tagValue'" + unlike("have length less than or equal to 256")},
		{name: "empty key", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag("", "v")}}), code: validation,
			message: oneError + "'' at 'tags.1.member.tagKey' failed to satisfy constraint: " + one},
		{name: "long key", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag(strings.Repeat("k", 129), "v")}}), code: validation, message: "…"},
		{name: "a key twice", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag("a", "1"), tag("a", "2")}}), code: tagError,
			message: "Duplicate tag keys"},
		{name: "51 tags", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": many}), code: tagError, message: "Too many tags"},
		{name: "50 tags more", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": many[:50]}), code: tagError, message: "Too many tags"},
		{name: "a good tag and a reserved one", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag("a", "1"), tag("AWS:a", "2")}}), code: tagError,
			message: "Tags beginning with aws: are reserved"},
		{name: "a key twice", operation: "CreateKey", body: in(object{"Tags": []object{tag("a", "1"), tag("a", "2")}}), code: tagError, message: "Duplicate tag keys"},
		{name: "51 tags", operation: "CreateKey", body: in(object{"Tags": many}), code: tagError, message: "Too many tags"},
		{name: "a reserved tag", operation: "CreateKey", body: in(object{"Tags": []object{tag("aws:a", "1")}}), code: tagError, message: "Tags beginning with aws: are reserved"},
		{name: "no keys", operation: "UntagResource", body: in(object{"KeyId": w.key}), code: validation, message: oneError + "null at 'tagKeys'" + notNull},
		{name: "empty key", operation: "UntagResource", body: in(object{"KeyId": w.key, "TagKeys": []string{"tagged", ""}}), code: validation,
			message: oneError + "'[tagged, ]' at 'tagKeys'" + unlike("satisfy constraint: [Member must have length less than or equal to 128, "+one+"]")},
		{name: "limit 1,001", operation: "ListResourceTags", body: in(object{"KeyId": w.key, "Limit": 1001}), code: validation,
			message: oneError + "'1001' at 'limit'" + unlike("have value less than or equal to 1000")},
		{name: "made-up marker", operation: "ListResourceTags", body: in(object{"KeyId": w.key, "Marker": "made-up"}), code: "InvalidMarkerException", message: "…"},
	}
	rows = append(append(rows, w.updateAlias()...), w.policies()...)
	for operation, more := range map[string]object{
		"UpdateKeyDescription": {"Description": "changed"}, "GetKeyPolicy": {}, "PutKeyPolicy": {"Policy": "{}"}, "ListKeyPolicies": {}, "ListResourceTags": {},
		"TagResource": {"Tags": []object{tag("a", "b")}}, "UntagResource": {"TagKeys": []string{"tagged"}},
	} {
		rows = append(rows, w.namedBadly(operation, "KeyId", more, false)...)
	}
	return rows
}

// policies are key policies that are none, for the operations that take one.
func (w *world) policies() (rows []badInput) {
	const malformed = "MalformedPolicyDocumentException"
	principal := func(p string) string {
		return `{"Statement":{"Effect":"Allow","Principal":` + p + `,"Action":"kms:*","Resource":"*"}}`
	}
	good := principal(`{"AWS":"` + harness.Account + `"}`)
	for _, row := range []struct{ name, document, code, message string }{
		{"no JSON", "x", malformed, "This policy contains invalid Json: expected an object at offset 0"},
		{"an element twice", `{"Statement":[],"Statement":[]}`, malformed, "This policy contains invalid Json: duplicate member at offset 16"},
		{"no statement", "{}", malformed, "Missing required field Statement"},
		{"an unknown element", `{"Comment":"x"}`, malformed, "Syntax error: a policy has no element Comment"},
		{"no principal", principal("{}"), malformed, "Policy contains a statement with no principal."},
		{"a deleted principal", principal(`{"AWS":"AIDACKCEVSQ6C2EXAMPLE"}`), malformed, "Policy contains a statement with one or more invalid principals."},
		{"another service's action", strings.Replace(good, "kms:*", "s3:*", 1), malformed, "The following action names are invalid: s3:*"},
		{"locked out", principal(`{"AWS":"444455556666"}`), malformed, "The new key policy will not allow you to update the key policy in the future."},
		{"32,769 bytes", good + strings.Repeat(" ", 32_769-len(good)), "LimitExceededException", "The key policy has 32769 bytes, which exceeds the limit of 32768 bytes."},
		{"131,073 characters", strings.Repeat(" ", 131_073), validation, "…"},
		{"a character beyond Latin-1", "{}\u0100", validation,
			oneError + "'{}\u0100' at 'policy'" + unlike("satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+")},
		{"empty", "", validation, "…"},
	} {
		rows = append(rows,
			badInput{name: row.name, operation: "CreateKey", body: harness.Marshal(object{"Policy": row.document}), code: row.code, message: row.message},
			badInput{name: row.name, operation: "PutKeyPolicy", body: harness.Marshal(object{"KeyId": w.key, "Policy": row.document}), code: row.code, message: row.message})
	}
	return append(rows,
		badInput{name: "no policy", operation: "PutKeyPolicy", body: harness.Marshal(object{"KeyId": w.key}), code: validation, message: oneError + "null at 'policy'" + notNull},
		badInput{name: "another name", operation: "PutKeyPolicy", body: harness.Marshal(object{"KeyId": w.key, "PolicyName": "other", "Policy": good}), code: notFound,
			message: "No such policy exists"},
		badInput{name: "malformed, whatever is bypassed", operation: "PutKeyPolicy", code: malformed, message: "Missing required field Statement",
			body: harness.Marshal(object{"KeyId": w.key, "Policy": "{}", "BypassPolicyLockoutSafetyCheck": true})})
}

// updateAlias are re-pointings that fail.
func (w *world) updateAlias() []badInput {
	in := func(name, target any) string {
		return harness.Marshal(object{"AliasName": name, "TargetKeyId": target})
	}
	rows := []badInput{
		{name: "no prefix", operation: "UpdateAlias", body: in("taken", w.other), code: validation,
			message: `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`},
		{name: "forbidden character", operation: "UpdateAlias", body: in("alias/ward 7", w.other), code: validation,
			message: oneError + "'alias/ward 7' at 'aliasName'" + unlike("satisfy regular expression pattern: "+aliasPattern)},
		{name: "no target", operation: "UpdateAlias", body: `{"AliasName":"alias/taken"}`, code: validation, message: oneError + "null at 'targetKeyId'" + notNull},
		{name: "no name", operation: "UpdateAlias", body: `{"TargetKeyId":"` + w.other + `"}`, code: validation, message: oneError + "null at 'aliasName'" + notNull},
		{name: "an ARN for a name", operation: "UpdateAlias", body: in(w.account+"alias/taken", w.other), code: validation, message: "Alias must start…"},
	}
	for _, name := range []string{"alias/none", "alias/", "alias/aws/s3"} {
		rows = append(rows, badInput{name: "no such alias: " + name, operation: "UpdateAlias", body: in(name, w.other), code: notFound,
			message: "Alias " + w.account + name + " is not found."})
	}
	rows = append(rows, badInput{name: "another account's alias", operation: "UpdateAlias", who: w.stranger, body: in("alias/taken", w.foreignARN), code: notFound,
		message: "Alias " + strings.ReplaceAll(w.account, harness.Account, w.stranger.AccessKey) + "alias/taken is not found."})
	return append(rows, w.namedBadly("UpdateAlias", "TargetKeyId", object{"AliasName": "alias/taken"}, false)...)
}
